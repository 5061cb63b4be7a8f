-- High doses
-- Events and studies above limits that you list, or above alert and notification values of the scanner
WITH limits AS (
  -- Replace these rows by your limits: of one event, and of all events of a study, in the unit of the row below.
  SELECT *
  FROM (
    VALUES
      ('event', 'CTDIvol', 80e0), -- mGy
      ('event', 'dose (RP)', 1e0), -- Gy
      ('study', 'DLP', 1000e0), -- mGy.cm
      ('study', 'dose area product', 5e-2), -- Gy.m2, here 500 Gy.cm2
      ('study', 'dose (RP)', 5e0) -- Gy
  ) AS t (grain, quantity, own_limit)
),
events AS (
  -- An event that several reports have is one. The key of an event without a UID is its place in its report.
  SELECT
    study_instance_uid,
    coalesce(irradiation_event_uid, sop_instance_uid || path) AS event,
    study_date,
    max(patient_id) AS patient_id,
    max(acquisition_protocol) AS acquisition_protocol,
    max(mean_ctdi_vol) AS ctdi_vol,
    max(dlp) AS dlp,
    max(dose_rp) AS dose_rp,
    min(CASE WHEN dlp_alert_exceeded THEN 'alert' WHEN dlp_notification_exceeded THEN 'notification' END) AS of_dlp,
    min(CASE WHEN ctdi_vol_alert_exceeded THEN 'alert' WHEN ctdi_vol_notification_exceeded THEN 'notification' END)
      AS of_ctdi_vol
  FROM dose_events
  GROUP BY study_instance_uid, study_date, coalesce(irradiation_event_uid, sop_instance_uid || path)
),
sums AS (
  -- The total that the scanner wrote, where events cannot be added.
  SELECT
    study_instance_uid,
    study_date,
    patient_id,
    coalesce(dlp, dlp_reported) AS dlp,
    coalesce(dose_area_product, dose_area_product_reported) AS dose_area_product,
    coalesce(dose_rp, dose_rp_reported) AS dose_rp
  FROM dose_studies
),
doses AS (
  SELECT 'event' AS grain, study_instance_uid, study_date, patient_id, acquisition_protocol, event,
    'CTDIvol' AS quantity, ctdi_vol AS dose, 'mGy' AS unit, of_ctdi_vol AS exceeded_on_scanner
  FROM events
  UNION ALL
  SELECT 'event', study_instance_uid, study_date, patient_id, acquisition_protocol, event, 'DLP', dlp, 'mGy.cm', of_dlp
  FROM events
  UNION ALL
  SELECT 'event', study_instance_uid, study_date, patient_id, acquisition_protocol, event, 'dose (RP)', dose_rp, 'Gy',
    NULL
  FROM events
  UNION ALL
  SELECT 'study', study_instance_uid, study_date, patient_id, NULL, NULL, 'DLP', dlp, 'mGy.cm', NULL
  FROM sums
  UNION ALL
  SELECT 'study', study_instance_uid, study_date, patient_id, NULL, NULL, 'dose area product', dose_area_product,
    'Gy.m2', NULL
  FROM sums
  UNION ALL
  SELECT 'study', study_instance_uid, study_date, patient_id, NULL, NULL, 'dose (RP)', dose_rp, 'Gy', NULL
  FROM sums
)
SELECT
  doses.grain,
  patient_id,
  study_date,
  study_instance_uid,
  acquisition_protocol,
  doses.quantity,
  round(dose, 6) AS dose,
  own_limit,
  unit,
  exceeded_on_scanner
FROM doses
LEFT JOIN limits ON doses.grain = limits.grain AND doses.quantity = limits.quantity
WHERE study_date BETWEEN DATE '1900-01-01' AND DATE '2100-12-31' -- the period: replace both dates
  AND (dose > own_limit OR exceeded_on_scanner IS NOT NULL)
ORDER BY doses.grain, study_date, study_instance_uid, doses.quantity, event
