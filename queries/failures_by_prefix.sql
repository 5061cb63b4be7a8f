-- Failures by prefix
-- Files without a readable header, by the first two folders of their key and the reason
SELECT
  regexp_extract(source_uri, '^s3://[^/]+/(?:[^/]+/){0,2}') AS prefix,
  code,
  severity,
  count(*) AS files,
  count(DISTINCT source_uri) AS objects,
  max(ingest_time) AS last_seen
FROM failures
GROUP BY regexp_extract(source_uri, '^s3://[^/]+/(?:[^/]+/){0,2}'), code, severity
ORDER BY files DESC, prefix, code
