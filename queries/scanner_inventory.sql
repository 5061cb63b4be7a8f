-- Scanner inventory
-- Every machine with its software versions in order of appearance, its first and last study and its series
SELECT
  manufacturer,
  manufacturer_model_name,
  device_serial_number,
  station_name,
  array_agg(DISTINCT modality ORDER BY modality) AS modalities,
  array_agg(DISTINCT array_join(software_versions, ' ') ORDER BY array_join(software_versions, ' '))
    FILTER (WHERE software_versions IS NOT NULL) AS software,
  min(study_date) AS first_study,
  max(study_date) AS last_study,
  count(*) AS series
FROM series
WHERE manufacturer IS NOT NULL
GROUP BY manufacturer, manufacturer_model_name, device_serial_number, station_name
ORDER BY manufacturer, manufacturer_model_name, device_serial_number
