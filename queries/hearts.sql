-- Structure sets that name the heart
-- Regions of interest that are the heart by name, in seven languages, or by the first code, but no margins around it
WITH named AS (
  SELECT
    patient_id,
    study_date,
    sop_instance_uid,
    roi_number,
    name,
    interpreted_type,
    contours,
    identification_codes[1].code_value AS code,
    identification_codes[1].coding_scheme_designator AS scheme,
    ' ' || translate(lower(name), '_-+.,:/()', '         ') || ' ' AS words
  FROM rois
  WHERE study_date BETWEEN DATE '1900-01-01' AND DATE '2100-12-31' -- the period: replace both dates
)
SELECT
  patient_id,
  study_date,
  sop_instance_uid,
  roi_number,
  name,
  interpreted_type,
  contours,
  coalesce(code = '80891009' AND scheme = 'SCT', false) AS has_code
FROM named
WHERE (code = '80891009' AND scheme = 'SCT')
  OR (
    (words LIKE '%heart%' OR words LIKE '%herz%' OR words LIKE '%coeur%' OR words LIKE '%cœur%' -- English to French
      OR words LIKE '%coraz_n%' OR words LIKE '%cora__o%' OR words LIKE '%cuore%' -- Spanish, Portuguese, Italian
      OR words LIKE '% cor %') -- Latin
    AND words NOT LIKE '%avoid%' -- of the names: rings and margins for planning
    AND words NOT LIKE '% prv%'
    AND words NOT LIKE '% ring %'
  )
ORDER BY patient_id, sop_instance_uid, roi_number
