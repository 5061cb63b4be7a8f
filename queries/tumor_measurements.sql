-- Tumor measurements over time
-- Sizes of each tracked lesion by study date: the mean of its observers, and the change since the date before
WITH tracked AS (
  SELECT
    patient_id,
    coalesce(tracking_uid, tracking_identifier) AS lesion,
    tracking_identifier,
    finding_site.code_meaning AS site,
    quantity.code_value AS quantity_code,
    quantity.code_meaning AS quantity,
    coalesce(derivation.code_value, '') AS derivation_code,
    derivation.code_meaning AS derivation,
    unit.code_value AS unit,
    study_date,
    observer,
    value
  FROM measurements
  WHERE study_date BETWEEN DATE '1900-01-01' AND DATE '2100-12-31' -- the period: replace both dates
    AND NOT study_date_is_default
    AND coalesce(tracking_uid, tracking_identifier) IS NOT NULL
    AND value IS NOT NULL
),
by_date AS (
  SELECT
    patient_id,
    lesion,
    max(tracking_identifier) AS tracking_identifier,
    max(site) AS site,
    quantity_code,
    max(quantity) AS quantity,
    derivation_code,
    max(derivation) AS derivation,
    unit,
    study_date,
    count(DISTINCT observer) AS observers,
    avg(value) AS value
  FROM tracked
  GROUP BY patient_id, lesion, quantity_code, derivation_code, unit, study_date
),
compared AS (
  SELECT
    by_date.*,
    lag(study_date) OVER (PARTITION BY patient_id, lesion, quantity_code, derivation_code, unit ORDER BY study_date)
      AS date_before,
    lag(value) OVER (PARTITION BY patient_id, lesion, quantity_code, derivation_code, unit ORDER BY study_date)
      AS value_before
  FROM by_date
)
SELECT
  patient_id,
  lesion,
  tracking_identifier,
  site,
  quantity,
  derivation,
  unit,
  study_date,
  observers,
  round(value, 3) AS value,
  date_diff('day', date_before, study_date) AS days,
  round(100 * (value - value_before) / nullif(value_before, 0), 1) AS change_percent
FROM compared
ORDER BY patient_id, lesion, quantity, derivation, unit, study_date
