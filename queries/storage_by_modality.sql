-- Storage by modality
-- Bytes of each modality's files, their mean and greatest size, and the share of all
SELECT
  modality,
  count(*) AS files,
  sum(source_member_size) AS bytes,
  CAST(avg(source_member_size) AS bigint) AS mean_bytes,
  max(source_member_size) AS max_bytes,
  round(100e0 * sum(source_member_size) / sum(sum(source_member_size)) OVER (), 1) AS percent
FROM instances
GROUP BY modality
ORDER BY bytes DESC
