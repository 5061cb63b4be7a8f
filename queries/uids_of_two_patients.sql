-- One UID in several patients
-- Study UIDs that are used for more than one PatientID: a copied UID or a corrected patient
SELECT
  study_instance_uid,
  array_agg(DISTINCT patient_id ORDER BY patient_id) AS patient_ids,
  count(DISTINCT series_instance_uid) AS series,
  count(*) AS instances
FROM instances
WHERE study_instance_uid IS NOT NULL
GROUP BY study_instance_uid
HAVING count(DISTINCT patient_id) > 1
ORDER BY study_instance_uid
