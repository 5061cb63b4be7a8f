-- Series with uneven slices
-- Series whose neighbouring slices lie at unequal distances (over 0.01 mm), and how many slices may be missing
WITH slices AS (
  SELECT DISTINCT
    series_instance_uid,
    modality,
    round(
      image_position_patient[1] * (image_orientation_patient[2] * image_orientation_patient[6]
        - image_orientation_patient[3] * image_orientation_patient[5])
      + image_position_patient[2] * (image_orientation_patient[3] * image_orientation_patient[4]
        - image_orientation_patient[1] * image_orientation_patient[6])
      + image_position_patient[3] * (image_orientation_patient[1] * image_orientation_patient[5]
        - image_orientation_patient[2] * image_orientation_patient[4]), 4) AS place
  FROM instances
  WHERE study_date BETWEEN DATE '2024-01-01' AND DATE '2024-12-31'
    AND modality IN ('CT', 'MR', 'PT')
    AND cardinality(image_position_patient) = 3
    AND cardinality(image_orientation_patient) = 6
),
gaps AS (
  SELECT *, place - lag(place) OVER (PARTITION BY series_instance_uid ORDER BY place) AS gap
  FROM slices
)
SELECT
  series_instance_uid,
  modality,
  count(*) AS slices,
  round(min(gap), 3) AS least_gap,
  round(max(gap), 3) AS greatest_gap,
  CAST(round((max(place) - min(place)) / min(gap)) AS bigint) + 1 - count(*) AS may_be_missing
FROM gaps
GROUP BY series_instance_uid, modality
HAVING max(gap) - min(gap) > 0.01
ORDER BY may_be_missing DESC, series_instance_uid
