-- Dose from reports, otherwise from images
-- Dose of each study by kind: of its dose reports, or of image headers where a study has no report of this kind
WITH glands AS (
  -- An event that several reports have is one.
  SELECT study_date, study_instance_uid, sum(dose) AS dose
  FROM (
    SELECT
      study_date,
      study_instance_uid,
      coalesce(irradiation_event_uid, sop_instance_uid || path) AS event,
      max(average_glandular_dose) AS dose
    FROM dose_events
    GROUP BY study_date, study_instance_uid, coalesce(irradiation_event_uid, sop_instance_uid || path)
  ) events
  GROUP BY study_date, study_instance_uid
),
exposures AS (
  -- Images of one exposure, such as those for processing and for presentation, state its dose twice.
  SELECT
    study_date,
    study_date_is_default,
    study_instance_uid,
    CASE WHEN modality = 'CT' THEN 'CT' ELSE 'PROJECTION' END AS kind,
    coalesce(
      irradiation_event_uid[1],
      CAST(acquisition_date AS varchar) || ' ' || acquisition_time,
      sop_instance_uid
    ) AS exposure,
    max(patient_id) AS patient_id,
    max(ctdi_vol) AS ctdi_vol, -- mGy
    max(image_and_fluoroscopy_area_dose_product) / 1e5 AS dose_area_product, -- dGy.cm2 -> Gy.m2
    max(entrance_dose_in_mgy) AS entrance_dose, -- mGy
    max(organ_dose) * 100 AS organ_dose -- dGy -> mGy
  FROM unique_instances
  WHERE study_instance_uid IS NOT NULL
    AND modality IN ('CT', 'CR', 'DX', 'IO', 'MG', 'PX', 'RF', 'XA')
    AND coalesce(ctdi_vol, image_and_fluoroscopy_area_dose_product, entrance_dose_in_mgy, organ_dose) IS NOT NULL
  GROUP BY 1, 2, 3, 4, 5
),
doses AS (
  SELECT 'report' AS source, dose_studies.study_date, study_date_is_default, dose_studies.study_instance_uid, kind,
    patient_id, ctdi_vol_max AS ctdi_vol, coalesce(dlp, dlp_reported) AS dlp,
    coalesce(dose_area_product, dose_area_product_reported) AS dose_area_product,
    coalesce(dose_rp, dose_rp_reported) AS dose_rp, CAST(NULL AS double) AS entrance_dose,
    CASE WHEN kind = 'PROJECTION' THEN glands.dose END AS organ_dose
  FROM dose_studies
  LEFT JOIN glands
    ON dose_studies.study_date = glands.study_date AND dose_studies.study_instance_uid = glands.study_instance_uid
  -- A report that could not be read has no kind and no dose, so it does not replace the images.
  WHERE kind IS NOT NULL
  UNION ALL
  -- Images of CT state no DLP, and no image the dose at the reference point.
  SELECT 'image header', study_date, study_date_is_default, study_instance_uid, kind, max(patient_id), max(ctdi_vol),
    NULL, sum(dose_area_product), NULL, sum(entrance_dose), sum(organ_dose)
  FROM exposures
  GROUP BY study_date, study_date_is_default, study_instance_uid, kind
),
judged AS (
  SELECT
    doses.*,
    max(CASE WHEN source = 'report' THEN 1 ELSE 0 END) OVER (PARTITION BY study_instance_uid, kind) AS has_report
  FROM doses
  WHERE study_date BETWEEN DATE '1900-01-01' AND DATE '2100-12-31' -- the period: replace both dates
)
SELECT
  source,
  kind,
  patient_id,
  CASE WHEN NOT study_date_is_default THEN study_date END AS study_date,
  study_instance_uid,
  round(ctdi_vol, 2) AS ctdi_vol_max, -- mGy
  round(dlp, 2) AS dlp, -- mGy.cm
  round(dose_area_product, 7) AS dose_area_product, -- Gy.m2
  round(dose_rp, 4) AS dose_rp, -- Gy
  round(entrance_dose, 3) AS entrance_dose, -- mGy
  round(organ_dose, 3) AS organ_dose -- mGy, in mammography the glandular dose of all views
FROM judged
WHERE source = 'report' OR has_report = 0
ORDER BY source DESC, kind, study_instance_uid, study_date
