-- Storage by modality
-- Bytes of each modality's files as far as known, their mean and greatest size, and the share of all
SELECT
  modality,
  count(*) AS files,
  count_if(source_member_size IS NULL) AS files_of_unknown_size,
  sum(source_member_size) AS bytes,
  CAST(avg(source_member_size) AS bigint) AS mean_bytes,
  max(source_member_size) AS max_bytes,
  round(100e0 * sum(source_member_size) / sum(sum(source_member_size)) OVER (), 1) AS percent
FROM instances
GROUP BY modality
ORDER BY bytes DESC
