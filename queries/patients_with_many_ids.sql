-- One person under several PatientIDs
-- Equal name, birth date and sex under different PatientIDs: candidates for a merge, to be reviewed
SELECT
  patient_name,
  patient_birth_date,
  patient_sex,
  array_agg(DISTINCT patient_id ORDER BY patient_id) AS patient_ids,
  count(*) AS studies
FROM studies
WHERE patient_name IS NOT NULL AND patient_birth_date IS NOT NULL
GROUP BY patient_name, patient_birth_date, patient_sex
HAVING count(DISTINCT patient_id) > 1
ORDER BY patient_name, patient_birth_date
