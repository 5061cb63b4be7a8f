-- Orphans
-- Objects that refer to instances which the lake does not have: how many, and the series that these belong to
WITH referring AS (
  SELECT sop_instance_uid AS referring_uid, modality
  FROM unique_instances
  WHERE study_date BETWEEN DATE '1900-01-01' AND DATE '2100-12-31' -- the period: replace both dates
)
SELECT
  links.patient_id,
  referring.modality,
  links.sop_instance_uid,
  links.kind,
  links.referenced_series_instance_uid,
  count(DISTINCT links.referenced_sop_instance_uid) AS missing_instances
FROM links
JOIN referring ON referring.referring_uid = links.sop_instance_uid
WHERE NOT links.is_in_lake
GROUP BY
  links.patient_id,
  referring.modality,
  links.sop_instance_uid,
  links.kind,
  links.referenced_series_instance_uid
ORDER BY links.patient_id, links.sop_instance_uid, links.kind, links.referenced_series_instance_uid
