-- Repeated exposures
-- CT of the same region and protocol again: several scans in a study, or another study of the patient within 30 days
WITH events AS (
  -- An event that several reports have is one. The key of an event without a UID is its place in its report.
  SELECT
    patient_id,
    study_instance_uid,
    coalesce(irradiation_event_uid, sop_instance_uid || path) AS event,
    min(study_date) AS study_date,
    max(target_region.code_meaning) AS target_region,
    max(acquisition_protocol) AS acquisition_protocol,
    max(dlp) AS dlp
  FROM dose_events
  WHERE study_date BETWEEN DATE '1900-01-01' AND DATE '2100-12-31' -- the period: replace both dates
    AND NOT study_date_is_default
    AND kind = 'CT'
    AND patient_id IS NOT NULL
    AND acquisition_protocol IS NOT NULL
    AND coalesce(ct_acquisition_type.code_value, '') <> '113805' -- Constant Angle Acquisition: a localizer
  GROUP BY patient_id, study_instance_uid, coalesce(irradiation_event_uid, sop_instance_uid || path)
),
of_studies AS (
  SELECT
    patient_id,
    target_region,
    acquisition_protocol,
    study_instance_uid,
    min(study_date) AS study_date,
    count(*) AS scans,
    sum(dlp) AS dlp
  FROM events
  GROUP BY patient_id, target_region, acquisition_protocol, study_instance_uid
),
compared AS (
  SELECT
    of_studies.*,
    lag(study_date) OVER (
      PARTITION BY patient_id, target_region, acquisition_protocol ORDER BY study_date, study_instance_uid)
      AS date_before,
    lag(study_instance_uid) OVER (
      PARTITION BY patient_id, target_region, acquisition_protocol ORDER BY study_date, study_instance_uid)
      AS study_before
  FROM of_studies
)
SELECT
  patient_id,
  target_region,
  acquisition_protocol,
  study_date,
  study_instance_uid,
  scans,
  round(dlp, 2) AS dlp,
  study_before,
  date_diff('day', date_before, study_date) AS days
FROM compared
WHERE scans > 1 OR date_diff('day', date_before, study_date) <= 30 -- days: replace the number
ORDER BY patient_id, target_region, acquisition_protocol, study_date, study_instance_uid
