-- CT dose by body part
-- CTDIvol in mGy: median, 90th percentile and greatest value over series, per body part and scanner
SELECT
  body_part_examined,
  manufacturer_model_name,
  count(*) AS series,
  round(approx_percentile(ctdi_vol_max, 0.5), 2) AS median_ctdi_vol,
  round(approx_percentile(ctdi_vol_max, 0.9), 2) AS p90_ctdi_vol,
  round(max(ctdi_vol_max), 2) AS max_ctdi_vol
FROM series
WHERE modality = 'CT' AND ctdi_vol_max IS NOT NULL
GROUP BY body_part_examined, manufacturer_model_name
ORDER BY body_part_examined, manufacturer_model_name
