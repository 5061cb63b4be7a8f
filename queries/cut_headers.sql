-- Headers that were not read to their end
-- Instances whose file is cut or corrupt, by reason and folder: the elements before the fault are in the lake
SELECT
  split_part(header_fault, '@', 1) AS code,
  regexp_extract(source_uri, '^.*/') AS folder,
  count(*) AS instances,
  array_agg(DISTINCT modality ORDER BY modality) AS modalities
FROM instances
WHERE header_fault IS NOT NULL
GROUP BY split_part(header_fault, '@', 1), regexp_extract(source_uri, '^.*/')
ORDER BY instances DESC, code, folder
