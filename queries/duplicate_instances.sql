-- Duplicates by SOPInstanceUID
-- Instances that are stored more than once: where, and whether the copies are equal
SELECT
  sop_instance_uid,
  count(*) AS files,
  -- URIs name the place of long binary values, which differs between copies
  count(DISTINCT regexp_replace(header, '"BulkDataURI":"[^"]*"')) = 1 AS is_same_header,
  sum(source_member_size) - max(source_member_size) AS bytes_to_spare,
  count_if(source_member_size IS NULL) AS files_of_unknown_size,
  array_agg(source_uri || coalesce('!' || source_member, '') ORDER BY source_uri, source_member) AS places
FROM instances
WHERE study_date BETWEEN DATE '1900-01-01' AND DATE '2100-12-31' -- the period: replace both dates
  AND sop_instance_uid IS NOT NULL
GROUP BY sop_instance_uid
HAVING count(*) > 1
ORDER BY files DESC, sop_instance_uid
