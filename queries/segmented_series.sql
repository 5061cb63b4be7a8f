-- Nested sequences: series that segmentations, structure sets and reports refer to
-- The series that each of these objects refers to, from its own place in the header, and whether the lake has it
WITH referring AS (
  SELECT modality, sop_instance_uid, header
  FROM unique_instances
  WHERE study_date BETWEEN DATE '1900-01-01' AND DATE '2100-12-31' -- the period: replace both dates
),
items AS (
  SELECT modality, sop_instance_uid, item -- ReferencedSeriesSequence
  FROM referring
  CROSS JOIN UNNEST(CAST(json_extract(header, '$.00081115.Value') AS array(json))) AS t (item)
  WHERE modality = 'SEG'
  UNION ALL
  SELECT modality, sop_instance_uid, item -- each frame of reference: its studies: their series
  FROM referring
  CROSS JOIN UNNEST(CAST(json_extract(header, '$.30060010.Value') AS array(json))) AS f (frame)
  CROSS JOIN UNNEST(CAST(json_extract(frame, '$.30060012.Value') AS array(json))) AS s (study)
  CROSS JOIN UNNEST(CAST(json_extract(study, '$.30060014.Value') AS array(json))) AS t (item)
  WHERE modality = 'RTSTRUCT'
  UNION ALL
  SELECT modality, sop_instance_uid, item -- each study that is the evidence: its series
  FROM referring
  CROSS JOIN UNNEST(CAST(json_extract(header, '$.0040A375.Value') AS array(json))) AS s (study)
  CROSS JOIN UNNEST(CAST(json_extract(study, '$.00081115.Value') AS array(json))) AS t (item)
  WHERE modality IN ('SR', 'KO')
),
links AS (
  SELECT DISTINCT
    modality,
    sop_instance_uid,
    json_extract_scalar(item, '$.0020000E.Value[0]') AS referenced_series_uid
  FROM items
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
