-- Cohort: chest CT in thin slices
-- Series for a lung study: original CT of the chest of adults, three or more slices or frames of at most 1.5 mm
SELECT
  patient_id,
  study_date,
  study_instance_uid,
  series_instance_uid,
  sum(coalesce(number_of_frames, 1)) AS slices,
  max(slice_thickness) AS slice_thickness,
  count_if(slice_thickness IS NULL) AS files_of_several_thicknesses,
  arbitrary(array_join(convolution_kernel, '/')) AS kernel,
  arbitrary(contrast_bolus_agent) AS contrast_agent
FROM unique_instances
WHERE study_date BETWEEN DATE '1900-01-01' AND DATE '2100-12-31' -- the period: replace both dates
  AND modality = 'CT'
  AND (body_part_examined IN ('CHEST', 'THORAX', 'LUNG')
    OR regexp_like(lower(coalesce(study_description, '')), 'chest|thora|lung'))
  AND contains(image_type, 'ORIGINAL')
  AND (slice_thickness <= 1.5 OR contains(frame_attributes_vary, 'slice_thickness'))
  AND derived_patient_age_years >= 18
GROUP BY patient_id, study_date, study_instance_uid, series_instance_uid
HAVING sum(coalesce(number_of_frames, 1)) >= 3
ORDER BY study_date, patient_id, series_instance_uid
