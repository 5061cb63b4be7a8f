-- Archives
-- Archives by the number of instances in them, with unpacked bytes and files without a readable header
SELECT
  packed.source_uri,
  packed.source_size,
  packed.instances,
  packed.unpacked_bytes,
  objects.failures
FROM (
  SELECT source_uri, source_size, count(*) AS instances, sum(source_member_size) AS unpacked_bytes
  FROM instances
  WHERE source_member IS NOT NULL
  GROUP BY source_uri, source_size
) AS packed
JOIN objects ON objects.source_uri = packed.source_uri
ORDER BY packed.instances DESC, packed.source_uri
