-- Protocol drift
-- Voltage, exposure and dose of each CT protocol by scanner and month, and the change of dose since the month before
WITH by_month AS (
  SELECT
    device_serial_number,
    protocol_name,
    date_trunc('month', study_date) AS month,
    count(DISTINCT series_instance_uid) AS series,
    approx_percentile(kvp, 0.5) AS median_kvp,
    approx_percentile(exposure, 0.5) AS median_exposure,
    approx_percentile(ctdi_vol, 0.5) AS median_ctdi_vol
  FROM unique_instances
  WHERE study_date BETWEEN DATE '1900-01-01' AND DATE '2100-12-31' -- the period: replace both dates
    AND NOT study_date_is_default
    AND modality = 'CT'
    AND protocol_name IS NOT NULL
  GROUP BY device_serial_number, protocol_name, date_trunc('month', study_date)
)
SELECT
  *,
  round(100 * (median_ctdi_vol / lag(median_ctdi_vol) OVER (
    PARTITION BY device_serial_number, protocol_name ORDER BY month) - 1), 1) AS dose_change_percent
FROM by_month
ORDER BY device_serial_number, protocol_name, month
