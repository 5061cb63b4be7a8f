-- Mammography: incomplete screenings
-- Studies that lack one of the four standard views (left and right, CC and MLO)
SELECT
  study_instance_uid,
  patient_id,
  study_date,
  array_agg(DISTINCT coalesce(image_laterality, laterality) || ' ' || view_position
    ORDER BY coalesce(image_laterality, laterality) || ' ' || view_position) AS views,
  array_except(
    ARRAY['L CC', 'L MLO', 'R CC', 'R MLO'],
    array_agg(coalesce(image_laterality, laterality) || ' ' || view_position)) AS missing
FROM unique_instances
WHERE study_date BETWEEN DATE '1900-01-01' AND DATE '2100-12-31' -- the period: replace both dates
  AND modality = 'MG'
GROUP BY study_instance_uid, patient_id, study_date
HAVING cardinality(array_except(
  ARRAY['L CC', 'L MLO', 'R CC', 'R MLO'],
  array_agg(coalesce(image_laterality, laterality) || ' ' || view_position))) > 0
ORDER BY study_date, patient_id
