-- Nested sequences: segments of segmentations
-- One row per item of SegmentSequence (0062,0002): label, kind of algorithm and coded type, from the header's JSON
SELECT
  patient_id,
  sop_instance_uid,
  CAST(json_extract_scalar(segment, '$.00620004.Value[0]') AS bigint) AS segment_number,
  json_extract_scalar(segment, '$.00620005.Value[0]') AS segment_label,
  json_extract_scalar(segment, '$.00620008.Value[0]') AS algorithm_type,
  json_extract_scalar(segment, '$.0062000F.Value[0].00080104.Value[0]') AS property_type
FROM unique_instances
CROSS JOIN UNNEST(CAST(json_extract(header, '$.00620002.Value') AS array(json))) AS t (segment)
WHERE study_date BETWEEN DATE '1900-01-01' AND DATE '2100-12-31' -- the period: replace both dates
  AND modality = 'SEG'
ORDER BY patient_id, sop_instance_uid, segment_number
