-- Reports without images, images without reports
-- Studies that have reports and no images, or images and no reports, by modalities (dose reports are neither)
WITH judged AS (
  SELECT
    study_instance_uid,
    study_date,
    study_date_is_default,
    modality,
    CASE
      WHEN template_identifier IN ('10001', '10011') THEN 'neither' -- a dose report of any SOP class
      WHEN sop_class_uid IN (
        '1.2.840.10008.5.1.4.1.1.88.40', -- Procedure Log
        '1.2.840.10008.5.1.4.1.1.88.59', -- Key Object Selection
        '1.2.840.10008.5.1.4.1.1.88.67', -- X-Ray Radiation Dose SR
        '1.2.840.10008.5.1.4.1.1.88.68', -- Radiopharmaceutical Radiation Dose SR
        '1.2.840.10008.5.1.4.1.1.88.73' -- Patient Radiation Dose SR
      ) THEN 'neither'
      WHEN sop_class_uid LIKE '1.2.840.10008.5.1.4.1.1.88.%' THEN 'report'
      WHEN sop_class_uid = '1.2.840.10008.5.1.4.1.1.104.1' THEN 'report' -- Encapsulated PDF
      WHEN sop_class_uid = '1.2.840.10008.5.1.4.1.1.104.2' THEN 'report' -- Encapsulated CDA
      WHEN photometric_interpretation IS NOT NULL THEN 'image'
      ELSE 'neither'
    END AS kind
  FROM unique_instances
  WHERE study_date BETWEEN DATE '1900-01-01' AND DATE '2100-12-31' -- the period: replace both dates
    AND study_instance_uid IS NOT NULL
),
by_study AS (
  SELECT
    study_instance_uid,
    min(CASE WHEN NOT study_date_is_default THEN study_date END) AS study_date,
    array_agg(DISTINCT modality ORDER BY modality) FILTER (WHERE modality IS NOT NULL) AS modalities,
    count_if(kind = 'report') AS reports,
    count_if(kind = 'image') AS images
  FROM judged
  GROUP BY study_instance_uid
)
SELECT
  CASE WHEN reports > 0 THEN 'reports without images' ELSE 'images without reports' END AS lack,
  modalities,
  count(*) AS studies,
  CAST(sum(reports) AS bigint) AS reports,
  CAST(sum(images) AS bigint) AS images,
  min(study_date) AS first_date,
  max(study_date) AS last_date
FROM by_study
WHERE (reports > 0 AND images = 0) OR (reports = 0 AND images > 0)
GROUP BY 1, 2
ORDER BY lack, modalities
