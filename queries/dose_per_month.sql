-- Dose per month and scanner
-- Studies with a dose report by month, scanner and kind: DLP in mGy.cm and dose area product in Gy.m2, sum and median
WITH studies AS (
  SELECT *
  FROM dose_studies
  WHERE study_date BETWEEN DATE '1900-01-01' AND DATE '2100-12-31' -- the period: replace both dates
    AND NOT study_date_is_default
),
scanners AS (
  -- A study whose reports name several devices has none of them.
  SELECT
    study_date,
    study_instance_uid,
    kind,
    CASE WHEN min(device_observer_model_name) = max(device_observer_model_name) THEN min(device_observer_model_name) END
      AS model,
    CASE
      WHEN min(device_observer_serial_number) = max(device_observer_serial_number)
        THEN min(device_observer_serial_number)
    END AS serial_number
  FROM dose_reports
  GROUP BY study_date, study_instance_uid, kind
),
sorted AS (
  SELECT
    CAST(date_trunc('month', studies.study_date) AS date) AS month,
    model,
    serial_number,
    studies.kind,
    count(*) AS studies,
    CAST(sum(events) AS bigint) AS events,
    count(*) FILTER (WHERE NOT is_complete OR NOT is_consistent) AS doubtful_studies,
    sum(dlp) AS dlp,
    count(dlp) AS dlps,
    array_agg(dlp ORDER BY dlp) FILTER (WHERE dlp IS NOT NULL) AS sorted_dlp,
    sum(dose_area_product) AS dose_area_product,
    count(dose_area_product) AS dose_area_products,
    array_agg(dose_area_product ORDER BY dose_area_product) FILTER (WHERE dose_area_product IS NOT NULL)
      AS sorted_dose_area_product
  FROM studies
  LEFT JOIN scanners
    ON studies.study_date = scanners.study_date
    AND studies.study_instance_uid = scanners.study_instance_uid
    AND studies.kind = scanners.kind
  GROUP BY CAST(date_trunc('month', studies.study_date) AS date), model, serial_number, studies.kind
)
SELECT
  month,
  model,
  serial_number,
  kind,
  studies,
  events,
  doubtful_studies,
  round(dlp, 2) AS dlp,
  -- The lower one of two in the middle.
  round(sorted_dlp[greatest(1, CAST(ceil(0.5e0 * dlps) AS bigint))], 2) AS dlp_median,
  round(dose_area_product, 7) AS dose_area_product,
  round(sorted_dose_area_product[greatest(1, CAST(ceil(0.5e0 * dose_area_products) AS bigint))], 7)
    AS dose_area_product_median
FROM sorted
ORDER BY month, model, serial_number, kind
