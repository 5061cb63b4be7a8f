-- Invalid values by attribute
-- Attributes whose value is null, altered or ignored although the file has one, why, and by which maker
SELECT attribute, why, manufacturer, count(*) AS instances
FROM instances
CROSS JOIN UNNEST(invalid_values) AS t (attribute, why)
GROUP BY attribute, why, manufacturer
ORDER BY instances DESC, attribute, why, manufacturer
