-- Modality mix
-- Studies, series and instances of each modality, and from when to when
SELECT
  modality,
  count(DISTINCT study_instance_uid) AS studies,
  count(DISTINCT series_instance_uid) AS series,
  count(*) AS instances,
  min(study_date) FILTER (WHERE NOT study_date_is_default) AS first_study,
  max(study_date) FILTER (WHERE NOT study_date_is_default) AS last_study
FROM unique_instances
GROUP BY modality
ORDER BY instances DESC, modality
