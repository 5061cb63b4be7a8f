-- CT events in the columns of OpenREM
-- One row per CT event in the columns of the CT export of OpenREM: of the study, then of the event without its number
WITH of_period AS (
  SELECT *
  FROM dose_events
  WHERE study_date BETWEEN DATE '1900-01-01' AND DATE '2100-12-31' -- the period: replace both dates
    AND kind = 'CT'
),
events AS (
  SELECT
    of_period.*,
    dose_reports.device_observer_manufacturer,
    dose_reports.device_observer_model_name,
    dose_reports.device_observer_name,
    -- An event that several reports have is that of the latest report.
    row_number() OVER (
      PARTITION BY
        of_period.study_instance_uid,
        coalesce(of_period.irradiation_event_uid, of_period.sop_instance_uid || of_period.path)
      ORDER BY
        dose_reports.content_date DESC NULLS LAST,
        dose_reports.content_time DESC NULLS LAST,
        dose_reports.source_uri
    ) AS place
  FROM of_period
  JOIN dose_reports
    ON of_period.study_date = dose_reports.study_date
    AND of_period.source_uri = dose_reports.source_uri
    AND coalesce(of_period.source_member, '') = coalesce(dose_reports.source_member, '')
),
sums AS (
  SELECT study_date, study_instance_uid, events, coalesce(dlp_reported, dlp) AS dlp_total
  FROM dose_studies
  WHERE kind = 'CT'
),
headers AS (
  SELECT
    study_date, study_date_is_default, source_uri, source_member, institution_name, manufacturer,
    manufacturer_model_name, station_name, accession_number, operators_name, study_time, derived_patient_age_years,
    patient_sex, patient_size, patient_weight, study_description,
    requested_procedure_description
  FROM unique_instances
  WHERE content_items IS NOT NULL
)
SELECT
  headers.institution_name AS "Institution",
  coalesce(headers.manufacturer, device_observer_manufacturer) AS "Manufacturer",
  coalesce(headers.manufacturer_model_name, device_observer_model_name) AS "Model name",
  coalesce(headers.station_name, device_observer_name) AS "Station name",
  CAST(NULL AS varchar) AS "Display name", -- of OpenREM alone
  headers.accession_number AS "Accession number",
  headers.operators_name[1] AS "Operator",
  CASE WHEN NOT headers.study_date_is_default THEN headers.study_date END AS "Study date",
  headers.study_time AS "Study time",
  round(headers.derived_patient_age_years, 1) AS "Age",
  headers.patient_sex AS "Sex",
  headers.patient_size AS "Height",
  headers.patient_weight AS "Mass (kg)",
  CAST(NULL AS varchar) AS "Test patient?", -- of OpenREM alone
  headers.study_description AS "Study description",
  headers.requested_procedure_description AS "Requested procedure",
  CAST(NULL AS varchar) AS "Study Comments",
  sums.events AS "No. events",
  round(sums.dlp_total, 2) AS "DLP total (mGy.cm)",
  acquisition_protocol AS "Protocol",
  ct_acquisition_type.code_meaning AS "Type",
  exposure_time AS "Exposure time", -- s
  scanning_length AS "Scanning length", -- mm
  single_collimation_width AS "Slice thickness", -- mm
  total_collimation_width AS "Total collimation", -- mm
  pitch_factor AS "Pitch",
  x_ray_sources AS "No. sources",
  mean_ctdi_vol AS "CTDIvol", -- mGy
  CASE ctdi_phantom.code_value WHEN '113691' THEN '32 cm' WHEN '113690' THEN '16 cm' ELSE ctdi_phantom.code_meaning END
    AS "Phantom",
  dlp AS "DLP", -- mGy.cm
  source_ids[1] AS "S1 name",
  kvp[1] AS "S1 kVp",
  x_ray_tube_current_max[1] AS "S1 max mA",
  x_ray_tube_current[1] AS "S1 mA",
  exposure_time_per_rotation[1] AS "S1 Exposure time/rotation", -- s
  -- Trino has no element behind the end of an array, so each is made longer by one.
  (source_ids || ARRAY[CAST(NULL AS varchar)])[2] AS "S2 name",
  (kvp || ARRAY[CAST(NULL AS double)])[2] AS "S2 kVp",
  (x_ray_tube_current_max || ARRAY[CAST(NULL AS double)])[2] AS "S2 max mA",
  (x_ray_tube_current || ARRAY[CAST(NULL AS double)])[2] AS "S2 mA",
  (exposure_time_per_rotation || ARRAY[CAST(NULL AS double)])[2] AS "S2 Exposure time/rotation",
  x_ray_modulation_type AS "mA Modulation type",
  CASE
    WHEN dlp_alert_exceeded OR ctdi_vol_alert_exceeded THEN 'Alert value exceeded'
    WHEN dlp_notification_exceeded OR ctdi_vol_notification_exceeded THEN 'Notification value exceeded'
  END AS "Dose check details",
  comment AS "Comments"
FROM events
JOIN headers
  ON events.study_date = headers.study_date
  AND events.source_uri = headers.source_uri
  AND coalesce(events.source_member, '') = coalesce(headers.source_member, '')
LEFT JOIN sums ON events.study_date = sums.study_date AND events.study_instance_uid = sums.study_instance_uid
WHERE place = 1
ORDER BY events.study_date, events.study_instance_uid, events.started, events.event_number
