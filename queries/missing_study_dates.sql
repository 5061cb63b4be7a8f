-- Missing study dates
-- Instances without a usable StudyDate by modality and manufacturer, the reason, and whether another date exists
SELECT
  modality,
  manufacturer,
  coalesce(element_at(invalid_values, 'StudyDate'), 'absent') AS why,
  count(*) AS instances,
  count(DISTINCT study_instance_uid) AS studies,
  count(coalesce(series_date, acquisition_date, content_date)) AS with_another_date
FROM instances
WHERE study_date = DATE '1900-01-01' AND study_date_is_default
GROUP BY modality, manufacturer, coalesce(element_at(invalid_values, 'StudyDate'), 'absent')
ORDER BY instances DESC, modality
