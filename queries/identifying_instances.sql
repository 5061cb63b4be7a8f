-- Instances that may identify a person
-- Reasons not to pass files on: identity not removed, text in the image, names of people, dates of birth
SELECT
  modality,
  count(*) AS instances,
  count(*) FILTER (WHERE patient_identity_removed IS NULL OR patient_identity_removed <> 'YES') AS identity_not_removed,
  count(*) FILTER (WHERE burned_in_annotation = 'YES') AS text_in_the_picture,
  count(*) FILTER (WHERE burned_in_annotation IS NULL AND modality IN ('US', 'XA', 'SC', 'OT', 'ES')) AS text_possible,
  count(patient_name) AS with_patient_name,
  count(patient_birth_date) AS with_birth_date,
  count(coalesce(referring_physician_name, requested_procedure_description)) AS with_people_or_requests
FROM unique_instances
GROUP BY modality
ORDER BY identity_not_removed DESC, modality
