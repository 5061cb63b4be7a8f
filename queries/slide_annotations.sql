-- Annotations of slides
-- Each group of annotations, and the slide with the image that it refers to, where the lake has that
WITH annotated AS (
  SELECT DISTINCT
    links.sop_instance_uid AS annotations_uid,
    images.series_instance_uid AS slide_series_uid,
    images.container_identifier
  FROM links
  JOIN unique_instances images ON images.sop_instance_uid = links.referenced_sop_instance_uid
  WHERE images.modality = 'SM'
),
of_slides AS (
  SELECT
    annotated.annotations_uid,
    slides.container_identifier,
    slides.objective_lens_power,
    slides.levels
  FROM annotated
  JOIN slides ON slides.series_instance_uid = annotated.slide_series_uid
    AND coalesce(slides.container_identifier, '') = coalesce(annotated.container_identifier, '')
),
groups AS (
  SELECT patient_id, sop_instance_uid, group_number, label, generation_type, graphic_type, property_type, annotations
  FROM annotation_groups
  WHERE study_date BETWEEN DATE '1900-01-01' AND DATE '2100-12-31' -- the period: replace both dates
)
SELECT
  groups.patient_id,
  groups.sop_instance_uid,
  groups.group_number,
  groups.label,
  groups.generation_type,
  groups.graphic_type,
  groups.property_type.code_meaning AS property_type,
  groups.annotations,
  of_slides.container_identifier,
  of_slides.objective_lens_power,
  of_slides.levels
FROM groups
LEFT JOIN of_slides ON of_slides.annotations_uid = groups.sop_instance_uid
ORDER BY groups.patient_id, groups.sop_instance_uid, groups.group_number, of_slides.container_identifier
