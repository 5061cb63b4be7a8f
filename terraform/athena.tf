locals {
  athena_results_prefix = "athena-results/" # of the workgroup that readers share
  reader_results_prefix = "reader-results/" # <reader>/ below it

  # One statement a file; its first two lines are comments: a title, and what the query tells.
  queries = {
    for name in fileset("${local.repository}/queries", "*.sql") :
    trimsuffix(name, ".sql") => file("${local.repository}/queries/${name}")
  }

  # Columns that may identify a person: those whose attribute has an action in PS3.15 Table E.1-1, and those that hold
  # whole headers or the names of objects and members.
  declared_attributes = [
    for line in slice(split("\n", trimspace(file("${local.repository}/dicom_udf/columns/attributes.tsv"))), 1, length(split("\n", trimspace(file("${local.repository}/dicom_udf/columns/attributes.tsv"))))) :
    { column = split("\t", line)[4], action = split("\t", line)[7] }
  ]
  item_fields = [
    for line in slice(split("\n", trimspace(file("${local.repository}/dicom_udf/columns/items.tsv"))), 1, length(split("\n", trimspace(file("${local.repository}/dicom_udf/columns/items.tsv"))))) :
    { column = split("\t", line)[0], action = split("\t", line)[7] }
  ]
  identifying_columns = sort(concat(
    [for attribute in local.declared_attributes : attribute.column if attribute.action != ""],
    distinct([for field in local.item_fields : field.column if field.action != ""]),
    ["header", "header_file_meta", "invalid_values", "source_member", "source_uri"],
    # Made from attributes with an action.
    ["derived_patient_age_years", "derived_study_datetime", "derived_series_datetime", "derived_acquisition_datetime"],
    ["derived_suv_bw_factor", "derived_suv_reason"],
    ["frame_acquisition_datetime_max"],
  ))
}

resource "aws_athena_workgroup" "this" {
  name        = var.name
  description = "Queries of the database ${var.database}: encrypted results, bounded scans"
  tags        = local.tags
  # Saved queries and the history of queries go with it.
  force_destroy = true

  configuration {
    enforce_workgroup_configuration    = true
    publish_cloudwatch_metrics_enabled = true
    bytes_scanned_cutoff_per_query     = var.athena_bytes_cutoff

    engine_version {
      selected_engine_version = "Athena engine version 3"
    }

    result_configuration {
      output_location       = "s3://${aws_s3_bucket.artifacts.bucket}/${local.athena_results_prefix}"
      expected_bucket_owner = local.account

      encryption_configuration {
        encryption_option = "SSE_KMS"
        kms_key_arn       = local.kms_key_arn
      }
    }
  }
}

# A workgroup has one place for results, and a person with a right to that place reads all of them:
# https://docs.aws.amazon.com/athena/latest/ug/workgroups-settings.html and, for reading results,
# https://docs.aws.amazon.com/athena/latest/APIReference/API_GetQueryResults.html. So each reader has one.
resource "aws_athena_workgroup" "reader" {
  for_each = toset(var.readers)

  name        = "${var.name}-${each.key}"
  description = "Queries of ${each.key} in the database ${var.database}: results of its own, bounded scans"
  tags        = local.tags
  # Saved queries and the history of queries go with it.
  force_destroy = true

  configuration {
    enforce_workgroup_configuration    = true
    publish_cloudwatch_metrics_enabled = true
    bytes_scanned_cutoff_per_query     = var.athena_bytes_cutoff

    engine_version {
      selected_engine_version = "Athena engine version 3"
    }

    result_configuration {
      output_location       = "s3://${aws_s3_bucket.artifacts.bucket}/${local.reader_results_prefix}${each.key}/"
      expected_bucket_owner = local.account

      encryption_configuration {
        encryption_option = "SSE_KMS"
        kms_key_arn       = local.kms_key_arn
      }
    }
  }
}

resource "aws_athena_named_query" "this" {
  for_each = local.queries

  name        = trimspace(trimprefix(split("\n", each.value)[0], "--"))
  description = trimspace(trimprefix(split("\n", each.value)[1], "--"))
  workgroup   = aws_athena_workgroup.this.name
  database    = aws_glue_catalog_database.this[var.database].name
  query       = each.value
}

resource "aws_athena_named_query" "reader" {
  for_each = {
    for pair in setproduct(var.readers, keys(local.queries)) : join("/", pair) => { reader = pair[0], query = pair[1] }
  }

  name        = aws_athena_named_query.this[each.value.query].name
  description = aws_athena_named_query.this[each.value.query].description
  workgroup   = aws_athena_workgroup.reader[each.value.reader].name
  database    = aws_glue_catalog_database.this[var.database].name
  query       = local.queries[each.value.query]
}
