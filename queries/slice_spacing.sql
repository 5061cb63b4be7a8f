-- Series with uneven slices
-- Series whose slices lie at unequal distances (over 0.01 mm), how many may be missing, and series without positions
WITH frames AS (
  SELECT series_instance_uid, modality, round(one_position, 4) AS place
  FROM instances
  CROSS JOIN UNNEST(coalesce(frame_slice_positions, ARRAY[slice_position])) AS t (one_position)
  WHERE study_date BETWEEN DATE '1900-01-01' AND DATE '2100-12-31' -- the period: replace both dates
    AND modality IN ('CT', 'MR', 'PT')
    AND "rows" IS NOT NULL
),
slices AS (
  SELECT
    series_instance_uid,
    modality,
    place,
    count(*) AS frames,
    place - lag(place) OVER (PARTITION BY series_instance_uid ORDER BY place) AS gap
  FROM frames
  GROUP BY series_instance_uid, modality, place
)
SELECT
  series_instance_uid,
  modality,
  count(place) AS slices,
  round(min(gap), 3) AS least_gap,
  round(max(gap), 3) AS greatest_gap,
  CAST(round((max(place) - min(place)) / min(gap)) AS bigint) + 1 - count(place) AS may_be_missing,
  coalesce(sum(frames) FILTER (WHERE place IS NULL), 0) AS without_position
FROM slices
GROUP BY series_instance_uid, modality
HAVING max(gap) - min(gap) > 0.01 OR count(place) = 0
ORDER BY may_be_missing DESC, series_instance_uid
