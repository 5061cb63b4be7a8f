-- Runs
-- The rows of each run in the lake: objects, bytes, instances, failures, and objects to be read again
SELECT
  ingest_run_id,
  min(ingest_time) AS began,
  count(*) AS objects,
  sum(source_size) AS bytes,
  sum(instances) AS instances,
  sum(failures) AS failures,
  count_if(ingest_retry) AS to_be_retried
FROM objects
GROUP BY ingest_run_id
ORDER BY began DESC
