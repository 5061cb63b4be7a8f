-- Segments of segmentations
-- One row per segment: its number, its label, how it was made, the coded type, and the frames that show it
SELECT
  patient_id,
  sop_instance_uid,
  segment_number,
  label,
  algorithm_type,
  property_type.code_meaning AS property_type,
  frames
FROM segments
WHERE study_date BETWEEN DATE '1900-01-01' AND DATE '2100-12-31' -- the period: replace both dates
ORDER BY patient_id, sop_instance_uid, segment_number
