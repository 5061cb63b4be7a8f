-- Specimens: stains and preparation
-- What was done to specimens and by which substance, step by step, with the number of slides and specimens
SELECT
  concept.code_meaning AS item,
  coalesce(code.code_meaning, text) AS value,
  min(step) AS first_step,
  count(DISTINCT specimen_uid) AS specimens,
  count(DISTINCT series_instance_uid) AS series
FROM specimen_steps
WHERE study_date BETWEEN DATE '1900-01-01' AND DATE '2100-12-31' -- the period: replace both dates
  AND concept.code_value <> '121041' -- SpecimenIdentifier, which each step repeats
GROUP BY concept.code_meaning, coalesce(code.code_meaning, text)
ORDER BY first_step, item, value
