-- Slides by magnification
-- Slides of each objective and stain: how many, their levels, and the finest pixel spacing in micrometres
SELECT
  objective_lens_power,
  stains,
  count(*) AS slides,
  count(DISTINCT patient_id) AS patients,
  min(levels) AS least_levels,
  max(levels) AS most_levels,
  round(1000 * min(pixel_spacing[1]), 4) AS finest_spacing_um,
  max(total_pixel_matrix_columns) AS widest
FROM slides
WHERE study_date BETWEEN DATE '1900-01-01' AND DATE '2100-12-31' -- the period: replace both dates
GROUP BY objective_lens_power, stains
ORDER BY objective_lens_power, slides DESC, widest DESC
