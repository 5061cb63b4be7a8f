-- MR: parameters of protocols
-- Field strength, times, flip angle and slices of each MR protocol, its series, and what differs between frames
SELECT
  magnetic_field_strength,
  protocol_name,
  coalesce(array_join(scanning_sequence, '/'), pulse_sequence_name) AS sequence,
  round(repetition_time, 1) AS repetition_time,
  array_distinct(transform(
    coalesce(echo_times, CASE WHEN echo_time IS NOT NULL THEN ARRAY[echo_time] END), echo -> round(echo, 1)
  )) AS echo_times,
  round(flip_angle, 1) AS flip_angle,
  slice_thickness,
  nullif(array_join(array_sort(array_intersect(
    frame_attributes_vary, ARRAY['flip_angle', 'repetition_time', 'slice_thickness'])), ', '), '') AS differ_by_frame,
  count(DISTINCT series_instance_uid) AS series,
  count(*) AS images,
  sum(coalesce(number_of_frames, 1)) AS frames
FROM unique_instances
WHERE study_date BETWEEN DATE '1900-01-01' AND DATE '2100-12-31' -- the period: replace both dates
  AND modality = 'MR'
GROUP BY 1, 2, 3, 4, 5, 6, 7, 8
ORDER BY series DESC, images DESC, protocol_name
