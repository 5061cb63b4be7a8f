-- Pixel data of a series
-- Place of each slice's pixel data in S3, in order, for a loader that reads byte ranges
SELECT
  instance_number,
  source_uri,
  pixel_data_offset,
  pixel_data_length,
  pixel_data_is_encapsulated,
  "rows",
  "columns",
  bits_allocated
FROM unique_instances
WHERE study_date BETWEEN DATE '1900-01-01' AND DATE '2100-12-31' -- the period: replace both dates
  AND modality = 'CT'
  AND source_member IS NULL
  AND protocol_name = 'Thorax routine'
  AND slice_thickness = 1.0
  AND pixel_data_offset IS NOT NULL
ORDER BY study_date, series_instance_uid, instance_number
