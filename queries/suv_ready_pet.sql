-- PET series that become SUVs
-- Images of each PET series that have a factor to SUVs by body weight, its range, and the reasons where there is none
SELECT
  patient_id,
  study_date,
  series_instance_uid,
  units,
  count(*) AS images,
  count(derived_suv_bw_factor) AS with_factor,
  min(derived_suv_bw_factor) AS least_factor,
  max(derived_suv_bw_factor) AS greatest_factor,
  array_agg(DISTINCT derived_suv_reason ORDER BY derived_suv_reason)
    FILTER (WHERE derived_suv_reason IS NOT NULL) AS reasons
FROM unique_instances
WHERE study_date BETWEEN DATE '1900-01-01' AND DATE '2100-12-31' -- the period: replace both dates
  AND modality = 'PT'
GROUP BY patient_id, study_date, series_instance_uid, units
ORDER BY with_factor DESC, study_date, series_instance_uid
