-- 4D series by what varies
-- Series with several frames at one position: what distinguishes these frames, and which series are regular in 4D
SELECT
  fourth_dimension,
  modality,
  series_instance_uid,
  positions,
  repetitions_min,
  repetitions_max,
  is_regular_4d
FROM series_geometry
WHERE study_date BETWEEN DATE '1900-01-01' AND DATE '2100-12-31' -- the period: replace both dates
  AND repetitions_max > 1
ORDER BY fourth_dimension, modality, series_instance_uid
