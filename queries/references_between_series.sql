-- References between series
-- Each pair of series of which one refers to the other: the modalities, kinds of reference and number of instances
WITH referring AS (
  SELECT series_instance_uid, referenced_sop_instance_uid, kind, is_in_lake, target_modality,
    coalesce(target_series_instance_uid, referenced_series_instance_uid) AS target_series_uid
  FROM links
  WHERE study_date BETWEEN DATE '1900-01-01' AND DATE '2100-12-31' -- the period: replace both dates
    AND kind NOT IN ('STUDY', 'PROCEDURE_STEP')
)
SELECT
  series.modality,
  referring.series_instance_uid,
  max(referring.target_modality) AS target_modality,
  referring.target_series_uid,
  array_agg(DISTINCT referring.kind ORDER BY referring.kind) AS kinds,
  count(DISTINCT referring.referenced_sop_instance_uid) AS target_instances,
  count(DISTINCT referring.referenced_sop_instance_uid) FILTER (WHERE referring.is_in_lake) AS in_the_lake
FROM referring
LEFT JOIN series ON series.series_instance_uid = referring.series_instance_uid
GROUP BY series.modality, referring.series_instance_uid, referring.target_series_uid
ORDER BY series.modality, referring.series_instance_uid, referring.target_series_uid
