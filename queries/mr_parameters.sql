-- MR: parameters of protocols
-- Field strength, repetition and echo time, flip angle and slices of each MR protocol, and how many series follow it
SELECT
  magnetic_field_strength,
  protocol_name,
  array_join(scanning_sequence, '/') AS scanning_sequence,
  round(repetition_time, 1) AS repetition_time,
  round(echo_time, 1) AS echo_time,
  round(flip_angle, 1) AS flip_angle,
  slice_thickness,
  count(DISTINCT series_instance_uid) AS series,
  count(*) AS images
FROM unique_instances
WHERE study_date BETWEEN DATE '2024-01-01' AND DATE '2024-12-31'
  AND modality = 'MR'
GROUP BY 1, 2, 3, 4, 5, 6, 7
ORDER BY series DESC, images DESC, protocol_name
