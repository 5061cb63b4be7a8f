-- Series without pixel spacing
-- Image series without PixelSpacing at top level or in functional groups, and their other attributes of spacing
SELECT
  series_instance_uid,
  modality,
  manufacturer_model_name,
  count(*) AS images,
  count(imager_pixel_spacing) AS with_imager_pixel_spacing,
  count(nominal_scanned_pixel_spacing) AS with_nominal_scanned_pixel_spacing,
  count(ultrasound_physical_delta_x) AS with_ultrasound_regions
FROM unique_instances
WHERE "rows" IS NOT NULL
GROUP BY series_instance_uid, modality, manufacturer_model_name
HAVING count(pixel_spacing) = 0
  AND count(*) FILTER (WHERE contains(frame_attributes_vary, 'pixel_spacing')) = 0
ORDER BY modality, series_instance_uid
