-- Mammography events in the columns of OpenREM
-- One row per event with a compressed breast or a glandular dose, in the columns of the mammography export of OpenREM
WITH of_period AS (
  SELECT *
  FROM dose_events
  WHERE study_date BETWEEN DATE '1900-01-01' AND DATE '2100-12-31' -- the period: replace both dates
    AND coalesce(average_glandular_dose, compression_thickness) IS NOT NULL
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
  SELECT study_date, study_instance_uid, events
  FROM dose_studies
  WHERE kind = 'PROJECTION'
),
headers AS (
  SELECT
    study_date, study_date_is_default, source_uri, source_member, institution_name, manufacturer,
    manufacturer_model_name, station_name, accession_number, operators_name, study_time, derived_patient_age_years,
    patient_sex, study_description,
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
  CAST(NULL AS varchar) AS "Test patient?", -- of OpenREM alone
  headers.study_description AS "Study description",
  headers.requested_procedure_description AS "Requested procedure",
  CAST(NULL AS varchar) AS "Study Comments",
  sums.events AS "No. events",
  -- The views of dose do not read these concepts.
  CAST(NULL AS varchar) AS "View",
  laterality.code_meaning AS "Laterality",
  acquisition_protocol AS "Acquisition",
  compression_thickness AS "Thickness", -- mm
  CAST(NULL AS double) AS "Radiological thickness",
  CAST(NULL AS double) AS "Force",
  CAST(NULL AS double) AS "Mag",
  CAST(NULL AS double) AS "Area",
  CAST(NULL AS varchar) AS "Mode",
  CAST(NULL AS varchar) AS "Target",
  filter_materials[1].code_meaning AS "Filter",
  filter_thickness_max[1] AS "Filter thickness", -- mm
  CAST(NULL AS double) AS "Focal spot size",
  kvp[1] AS "kVp",
  coalesce(average_tube_current, x_ray_tube_current[1]) AS "mA",
  exposure_times[1] AS "ms",
  exposures[1] AS "uAs",
  CAST(NULL AS double) AS "ESD",
  average_glandular_dose AS "AGD", -- mGy
  CAST(NULL AS double) AS "% Fibroglandular tissue",
  comment AS "Exposure mode description"
FROM events
JOIN headers
  ON events.study_date = headers.study_date
  AND events.source_uri = headers.source_uri
  AND coalesce(events.source_member, '') = coalesce(headers.source_member, '')
LEFT JOIN sums ON events.study_date = sums.study_date AND events.study_instance_uid = sums.study_instance_uid
WHERE place = 1
ORDER BY events.study_date, events.study_instance_uid, events.started, events.event_number
