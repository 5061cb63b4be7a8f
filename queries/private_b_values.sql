-- Private elements: diffusion b-values
-- Element (0019,xx0C) of the creator SIEMENS MR HEADER, in whatever block xx it lies, from the header's JSON
WITH elements AS (
  SELECT series_instance_uid, instance_number, CAST(json_parse(header) AS map(varchar, json)) AS element
  FROM unique_instances
  WHERE study_date BETWEEN DATE '1900-01-01' AND DATE '2100-12-31' -- the period: replace both dates
    AND modality = 'MR'
    AND contains(private_creators, 'SIEMENS MR HEADER')
),
blocks AS (
  SELECT series_instance_uid, instance_number, element, substr(tag, 7, 2) AS block
  FROM elements
  CROSS JOIN UNNEST(map_keys(element)) AS t (tag)
  WHERE regexp_like(tag, '^001900[1-9A-F][0-9A-F]$')
    AND json_extract_scalar(element[tag], '$.Value[0]') = 'SIEMENS MR HEADER'
)
SELECT
  series_instance_uid,
  instance_number,
  CAST(json_extract_scalar(element['0019' || block || '0C'], '$.Value[0]') AS bigint) AS b_value
FROM blocks
WHERE element_at(element, '0019' || block || '0C') IS NOT NULL
ORDER BY series_instance_uid, instance_number
