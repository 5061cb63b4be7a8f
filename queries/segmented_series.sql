-- Series that segmentations, structure sets and reports refer to
-- The series that each of these objects refers to, with its modality and its instances where the lake has it
WITH referring AS (
  SELECT sop_instance_uid AS referring_uid, modality
  FROM unique_instances
  WHERE study_date BETWEEN DATE '1900-01-01' AND DATE '2100-12-31' -- the period: replace both dates
    AND modality IN ('SEG', 'RTSTRUCT', 'SR', 'KO')
),
targets AS (
  SELECT DISTINCT
    referring.modality,
    referring.referring_uid AS sop_instance_uid,
    coalesce(links.referenced_series_instance_uid, links.target_series_instance_uid) AS referenced_series_uid
  FROM referring
  JOIN links ON links.sop_instance_uid = referring.referring_uid
)
SELECT
  targets.modality,
  targets.sop_instance_uid,
  targets.referenced_series_uid,
  series.modality AS referenced_modality,
  series.instances AS referenced_instances,
  series.series_instance_uid IS NOT NULL AS is_in_the_lake
FROM targets
LEFT JOIN series ON series.series_instance_uid = targets.referenced_series_uid
WHERE targets.referenced_series_uid IS NOT NULL
ORDER BY targets.modality, targets.sop_instance_uid, targets.referenced_series_uid
