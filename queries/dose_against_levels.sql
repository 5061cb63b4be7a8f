-- CT dose against reference levels
-- CTDIvol in mGy and DLP in mGy.cm of each protocol over studies: median and 75th percentile beside levels you list
WITH levels AS (
  -- Replace these rows by the levels that apply to you, one for each protocol: CTDIvol in mGy, DLP in mGy.cm.
  SELECT *
  FROM (VALUES ('Abdomen', 10e0, 500e0), ('Head', 60e0, 900e0)) AS t (acquisition_protocol, ctdi_vol_level, dlp_level)
),
events AS (
  -- An event that several reports have is one. The key of an event without a UID is its place in its report.
  SELECT
    study_instance_uid,
    coalesce(irradiation_event_uid, sop_instance_uid || path) AS event,
    max(acquisition_protocol) AS acquisition_protocol,
    max(mean_ctdi_vol) AS ctdi_vol,
    max(dlp) AS dlp
  FROM dose_events
  WHERE study_date BETWEEN DATE '1900-01-01' AND DATE '2100-12-31' -- the period: replace both dates
    AND kind = 'CT'
  GROUP BY study_instance_uid, coalesce(irradiation_event_uid, sop_instance_uid || path)
),
of_studies AS (
  SELECT
    study_instance_uid,
    acquisition_protocol,
    max(ctdi_vol) AS ctdi_vol,
    -- Without the DLP of one event, the sum is not that of the study.
    CASE WHEN count(dlp) = count(*) THEN sum(dlp) END AS dlp
  FROM events
  WHERE acquisition_protocol IS NOT NULL
  GROUP BY study_instance_uid, acquisition_protocol
),
sorted AS (
  SELECT
    acquisition_protocol,
    count(*) AS studies,
    count(ctdi_vol) AS ctdi_vols,
    count(dlp) AS dlps,
    array_agg(ctdi_vol ORDER BY ctdi_vol) FILTER (WHERE ctdi_vol IS NOT NULL) AS ctdi_vol,
    array_agg(dlp ORDER BY dlp) FILTER (WHERE dlp IS NOT NULL) AS dlp
  FROM of_studies
  GROUP BY acquisition_protocol
),
percentiles AS (
  -- The percentile of nearest rank: the least value at or below which so many of the studies are.
  SELECT
    acquisition_protocol,
    studies,
    ctdi_vol[greatest(1, CAST(ceil(0.5e0 * ctdi_vols) AS bigint))] AS ctdi_vol_median,
    ctdi_vol[greatest(1, CAST(ceil(0.75e0 * ctdi_vols) AS bigint))] AS ctdi_vol_p75,
    dlp[greatest(1, CAST(ceil(0.5e0 * dlps) AS bigint))] AS dlp_median,
    dlp[greatest(1, CAST(ceil(0.75e0 * dlps) AS bigint))] AS dlp_p75
  FROM sorted
)
SELECT
  percentiles.acquisition_protocol,
  studies,
  round(ctdi_vol_median, 2) AS ctdi_vol_median,
  round(ctdi_vol_p75, 2) AS ctdi_vol_p75,
  ctdi_vol_level,
  round(dlp_median, 1) AS dlp_median,
  round(dlp_p75, 1) AS dlp_p75,
  dlp_level,
  ctdi_vol_median > ctdi_vol_level OR dlp_median > dlp_level AS median_above_level
FROM percentiles
LEFT JOIN levels ON percentiles.acquisition_protocol = levels.acquisition_protocol
ORDER BY percentiles.acquisition_protocol
