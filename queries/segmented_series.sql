-- Nested sequences: series that segmentations and structure sets refer to
-- The series below ReferencedSeriesSequence (0008,1115), and whether the lake has it
WITH links AS (
  SELECT
    modality,
    sop_instance_uid,
    json_extract_scalar(referenced, '$.0020000E.Value[0]') AS referenced_series_uid
  FROM unique_instances
  CROSS JOIN UNNEST(CAST(json_extract(header, '$.00081115.Value') AS array(json))) AS t (referenced)
  WHERE study_date BETWEEN DATE '2024-01-01' AND DATE '2024-12-31'
    AND modality IN ('SEG', 'RTSTRUCT')
)
SELECT
  links.modality,
  links.sop_instance_uid,
  links.referenced_series_uid,
  series.modality AS referenced_modality,
  series.instances AS referenced_instances,
  series.series_instance_uid IS NOT NULL AS is_in_the_lake
FROM links
LEFT JOIN series ON series.series_instance_uid = links.referenced_series_uid
ORDER BY links.modality, links.sop_instance_uid, links.referenced_series_uid
