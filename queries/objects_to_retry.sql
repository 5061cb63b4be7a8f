-- Objects that the next run tries again
-- Objects that could not be read completely for a reason that may pass: denied, archived, changed, gone
SELECT
  objects.source_uri,
  objects.source_size,
  failures.code,
  failures.message,
  objects.ingest_time AS last_tried
FROM objects
JOIN failures ON failures.source_uri = objects.source_uri
  AND failures.code IN (
    'OBJECT_ARCHIVED', 'ACCESS_DENIED', 'OBJECT_CHANGED', 'NOT_FOUND', 'READ_ERROR', 'INTERNAL_ERROR'
  )
WHERE objects.ingest_retry
ORDER BY objects.source_uri, failures.code
