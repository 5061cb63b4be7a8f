-- Cohort: chest CT volumes with segmentations
-- CT series of the chest that are regular volumes with slices at most 1.5 mm apart, and each segment made on them
WITH volumes AS (
  SELECT series_instance_uid AS ct_series_uid, positions AS slices, round(slice_spacing, 3) AS slice_spacing
  FROM series_geometry
  WHERE study_date BETWEEN DATE '1900-01-01' AND DATE '2100-12-31' -- the period: replace both dates
    AND modality = 'CT'
    AND is_regular_volume
    AND slice_spacing <= 1.5
),
chests AS (
  SELECT patient_id, study_date, ct_series_uid, slices, slice_spacing
  FROM volumes
  JOIN series ON series.series_instance_uid = volumes.ct_series_uid
  WHERE body_part_examined IN ('CHEST', 'THORAX', 'LUNG')
),
segmented AS (
  SELECT DISTINCT sop_instance_uid AS segmentation_uid, target_series_instance_uid
  FROM links
)
SELECT
  chests.patient_id,
  chests.study_date,
  chests.ct_series_uid,
  chests.slices,
  chests.slice_spacing,
  segments.sop_instance_uid AS segmentation_uid,
  segments.segment_number,
  segments.label,
  segments.property_type.code_meaning AS property_type,
  segments.frames
FROM chests
JOIN segmented ON segmented.target_series_instance_uid = chests.ct_series_uid
JOIN segments ON segments.sop_instance_uid = segmented.segmentation_uid
ORDER BY chests.study_date, chests.patient_id, chests.ct_series_uid, segmentation_uid, segments.segment_number
