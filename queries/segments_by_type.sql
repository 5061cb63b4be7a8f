-- Segments by type
-- What was segmented, by code and kind of algorithm: segments, patients, and the frames that show them
SELECT
  property_type.coding_scheme_designator AS scheme,
  property_type.code_value AS code,
  max(property_type.code_meaning) AS meaning,
  algorithm_type,
  count(*) AS segments,
  count(DISTINCT patient_id) AS patients,
  sum(frames) AS frames
FROM segments
WHERE study_date BETWEEN DATE '1900-01-01' AND DATE '2100-12-31' -- the period: replace both dates
GROUP BY property_type.coding_scheme_designator, property_type.code_value, algorithm_type
ORDER BY segments DESC, code, algorithm_type
