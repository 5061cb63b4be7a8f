-- Invalid values by attribute
-- Attributes whose value is null, altered or ignored although the file has one, with reason and manufacturer
SELECT attribute, why, manufacturer, count(*) AS instances
FROM instances
CROSS JOIN UNNEST(invalid_values) AS t (attribute, why)
GROUP BY attribute, why, manufacturer
ORDER BY instances DESC, attribute, why, manufacturer
