-- Differences between readers
-- The same quantity of the same lesion in the same study by two observers: both values, and the difference in percent
WITH by_observer AS (
  SELECT
    patient_id,
    study_instance_uid,
    coalesce(tracking_uid, tracking_identifier) AS lesion,
    max(tracking_identifier) AS tracking_identifier,
    quantity.code_value AS quantity_code,
    max(quantity.code_meaning) AS quantity,
    coalesce(derivation.code_value, '') AS derivation_code,
    max(derivation.code_meaning) AS derivation,
    unit.code_value AS unit,
    observer,
    min(study_date) AS study_date,
    avg(value) AS value
  FROM measurements
  WHERE study_date BETWEEN DATE '1900-01-01' AND DATE '2100-12-31' -- the period: replace both dates
    AND coalesce(tracking_uid, tracking_identifier) IS NOT NULL
    AND observer IS NOT NULL
    AND value IS NOT NULL
  GROUP BY patient_id, study_instance_uid, coalesce(tracking_uid, tracking_identifier), quantity.code_value,
    coalesce(derivation.code_value, ''), unit.code_value, observer
)
SELECT
  one.patient_id,
  one.study_date,
  one.lesion,
  coalesce(one.tracking_identifier, other.tracking_identifier) AS tracking_identifier,
  one.quantity,
  one.derivation,
  one.unit,
  one.observer AS first_observer,
  other.observer AS second_observer,
  round(one.value, 3) AS first_value,
  round(other.value, 3) AS second_value,
  round(other.value - one.value, 3) AS difference,
  round(100 * (other.value - one.value) / nullif((one.value + other.value) / 2, 0), 1) AS percent_of_mean
FROM by_observer one
JOIN by_observer other
  ON one.study_instance_uid = other.study_instance_uid
  AND one.lesion = other.lesion
  AND one.quantity_code = other.quantity_code
  AND one.derivation_code = other.derivation_code
  AND one.unit = other.unit
  AND one.observer < other.observer
ORDER BY one.patient_id, one.study_date, one.lesion, one.quantity, one.derivation, one.unit, first_observer,
  second_observer
