-- Archives
-- Archives by the number of instances in them, with unpacked bytes as far as known, and files without a readable header
SELECT
  packed.source_uri,
  packed.source_size,
  packed.instances,
  packed.instances_of_unknown_size,
  packed.unpacked_bytes,
  objects.failures
FROM (
  SELECT
    source_uri,
    source_size,
    count(*) AS instances,
    count_if(source_member_size IS NULL) AS instances_of_unknown_size,
    sum(source_member_size) AS unpacked_bytes
  FROM instances
  WHERE source_member IS NOT NULL
  GROUP BY source_uri, source_size
) AS packed
JOIN objects ON objects.source_uri = packed.source_uri
ORDER BY packed.instances DESC, packed.source_uri
