-- Age at study
-- Patients of each sex by decade of age at the study, with the number of studies
SELECT
  patient_sex,
  CAST(floor(derived_patient_age_years / 10) * 10 AS integer) AS from_age,
  count(DISTINCT patient_id) AS patients,
  count(*) AS studies
FROM studies
WHERE derived_patient_age_years IS NOT NULL
GROUP BY patient_sex, CAST(floor(derived_patient_age_years / 10) * 10 AS integer)
ORDER BY patient_sex, from_age
