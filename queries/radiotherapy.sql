-- Radiotherapy: plan, dose and structure set
-- Each plan with its beams and fractions, its structure set, the series that has the contours, and its dose
WITH plans AS (
  SELECT
    patient_id,
    study_date,
    sop_instance_uid AS plan_uid,
    count(*) AS beams,
    max(fractions_planned) AS fractions,
    round(sum(meterset), 2) AS meterset
  FROM rt_beams
  WHERE study_date BETWEEN DATE '1900-01-01' AND DATE '2100-12-31' -- the period: replace both dates
  GROUP BY patient_id, study_date, sop_instance_uid
),
of_structures AS (
  SELECT DISTINCT sop_instance_uid AS plan_uid, referenced_sop_instance_uid AS structure_set_uid, is_in_lake
  FROM links
  WHERE kind = 'STRUCTURE_SET'
),
of_doses AS (
  SELECT DISTINCT links.referenced_sop_instance_uid AS plan_uid, links.sop_instance_uid AS dose_uid
  FROM links
  JOIN series ON series.series_instance_uid = links.series_instance_uid
  WHERE links.kind = 'PLAN' AND series.modality = 'RTDOSE'
),
of_images AS (
  SELECT DISTINCT sop_instance_uid AS structure_set_uid, referenced_series_instance_uid AS image_series_uid
  FROM links
  WHERE kind = 'CONTOUR_IMAGE'
)
SELECT
  plans.patient_id,
  plans.study_date,
  plans.plan_uid,
  plans.beams,
  plans.fractions,
  plans.meterset,
  of_structures.structure_set_uid,
  of_structures.is_in_lake AS structure_set_is_in_lake,
  of_images.image_series_uid,
  of_doses.dose_uid
FROM plans
LEFT JOIN of_structures ON of_structures.plan_uid = plans.plan_uid
LEFT JOIN of_images ON of_images.structure_set_uid = of_structures.structure_set_uid
LEFT JOIN of_doses ON of_doses.plan_uid = plans.plan_uid
ORDER BY plans.patient_id, plans.plan_uid, structure_set_uid, image_series_uid, dose_uid
