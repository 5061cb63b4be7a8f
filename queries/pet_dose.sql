-- PET: radionuclide and dose
-- Administered activity in MBq and MBq/kg, radionuclide and half life of each PET series, and other attributes for SUVs
SELECT
  series_instance_uid,
  patient_id,
  study_date,
  radionuclide_codes[1].code_meaning AS radionuclide,
  round(radionuclide_total_dose / 1e6, 1) AS dose_mbq,
  round(radionuclide_total_dose / 1e6 / patient_weight, 2) AS dose_mbq_per_kg,
  round(radionuclide_half_life / 60, 1) AS half_life_minutes,
  units,
  decay_correction,
  radiopharmaceutical_start_time,
  instances
FROM series
WHERE modality = 'PT'
ORDER BY study_date, series_instance_uid
