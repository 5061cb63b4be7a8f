-- Incomplete structure sets
-- Structure sets with regions that lack contours or an observation, or whose contours are too large to be read
SELECT
  patient_id,
  study_date,
  sop_instance_uid,
  count(*) AS rois,
  count(*) FILTER (WHERE contours = 0) AS without_contours,
  count(*) FILTER (WHERE contours IS NULL) AS contours_not_read,
  count(*) FILTER (WHERE observations = 0) AS without_observation,
  array_agg(name ORDER BY name) FILTER (WHERE contours = 0 OR observations = 0) AS names
FROM rois
WHERE study_date BETWEEN DATE '1900-01-01' AND DATE '2100-12-31' -- the period: replace both dates
GROUP BY patient_id, study_date, sop_instance_uid
HAVING count(*) FILTER (WHERE contours IS NULL OR contours = 0 OR observations = 0) > 0
ORDER BY patient_id, sop_instance_uid
