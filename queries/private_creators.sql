-- Private elements: their creators
-- Creators of private blocks by manufacturer and modality, with the number of instances
SELECT creator, manufacturer, modality, count(*) AS instances
FROM instances
CROSS JOIN UNNEST(private_creators) AS t (creator)
WHERE study_date BETWEEN DATE '1900-01-01' AND DATE '2100-12-31' -- the period: replace both dates
GROUP BY creator, manufacturer, modality
ORDER BY instances DESC, creator, manufacturer, modality
