-- Frames of segments
-- Each frame of a segmentation, the segment that it shows, and its place in the object, for a loader that reads ranges
WITH placed AS (
  SELECT
    patient_id,
    sop_instance_uid,
    frame_number,
    segment_number,
    slice_position,
    source_uri,
    "offset" AS frame_offset,
    length AS frame_length
  FROM frames
  WHERE study_date BETWEEN DATE '1900-01-01' AND DATE '2100-12-31' -- the period: replace both dates
    AND segment_number IS NOT NULL
)
SELECT
  placed.patient_id,
  placed.sop_instance_uid,
  placed.frame_number,
  placed.segment_number,
  segments.label,
  placed.slice_position,
  placed.source_uri,
  placed.frame_offset,
  placed.frame_length
FROM placed
LEFT JOIN segments ON segments.sop_instance_uid = placed.sop_instance_uid
  AND segments.segment_number = placed.segment_number
ORDER BY placed.patient_id, placed.sop_instance_uid, placed.frame_number
