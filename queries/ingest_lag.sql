-- Ingest lag
-- Hours from an object's last change to the run that read it: median, 90th percentile and greatest, per run
SELECT
  ingest_run_id,
  min(ingest_time) AS began,
  count(*) AS objects,
  round(approx_percentile(date_diff('second', source_last_modified, ingest_time), 0.5) / 3600e0, 2) AS median_hours,
  round(approx_percentile(date_diff('second', source_last_modified, ingest_time), 0.9) / 3600e0, 2) AS p90_hours,
  round(max(date_diff('second', source_last_modified, ingest_time)) / 3600e0, 2) AS max_hours
FROM objects
GROUP BY ingest_run_id
ORDER BY began DESC
