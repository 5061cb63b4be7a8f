-- Cohort: chest CT in thin slices
-- Series for a lung study: original axial CT of the chest of adults, slices of at most 1.5 mm, from three slices up
SELECT
  patient_id,
  study_date,
  study_instance_uid,
  series_instance_uid,
  count(*) AS slices,
  max(slice_thickness) AS slice_thickness,
  arbitrary(array_join(convolution_kernel, '/')) AS kernel,
  arbitrary(contrast_bolus_agent) AS contrast_agent
FROM unique_instances
WHERE study_date BETWEEN DATE '2024-01-01' AND DATE '2024-12-31'
  AND modality = 'CT'
  AND (body_part_examined IN ('CHEST', 'THORAX', 'LUNG')
    OR regexp_like(lower(coalesce(study_description, '')), 'chest|thora|lung'))
  AND contains(image_type, 'ORIGINAL')
  AND slice_thickness <= 1.5
  AND derived_patient_age_years >= 18
GROUP BY patient_id, study_date, study_instance_uid, series_instance_uid
HAVING count(*) >= 3
ORDER BY study_date, patient_id, series_instance_uid
