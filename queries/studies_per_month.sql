-- Studies per month
-- How many studies of each modality were made in each month of a period
SELECT
  CAST(date_trunc('month', study_date) AS date) AS month,
  modality,
  count(DISTINCT study_instance_uid) AS studies
FROM instances
WHERE study_date BETWEEN DATE '1900-01-01' AND DATE '2100-12-31' -- the period: replace both dates
  AND NOT study_date_is_default
GROUP BY date_trunc('month', study_date), modality
ORDER BY month, modality
