# Optional: where Lake Formation governs the account's tables, the jobs' roles need its grants beside their IAM policies.

resource "aws_lakeformation_resource" "lake" {
  count = var.lake_formation_enabled ? 1 : 0

  arn                     = "${local.lake_bucket_arn}/lake"
  use_service_linked_role = true
}

resource "aws_lakeformation_permissions" "location" {
  for_each = var.lake_formation_enabled ? local.job_names : {}

  principal   = aws_iam_role.job[each.key].arn
  permissions = ["DATA_LOCATION_ACCESS"]

  data_location {
    arn = aws_lakeformation_resource.lake[0].arn
  }
}

locals {
  lake_formation_grants = var.lake_formation_enabled ? {
    for pair in setproduct(local.jobs, [var.database, local.staging_database]) :
    join("-", pair) => { job = pair[0], database = pair[1] }
  } : {}
}

resource "aws_lakeformation_permissions" "database" {
  for_each = local.lake_formation_grants

  principal   = aws_iam_role.job[each.value.job].arn
  permissions = ["CREATE_TABLE", "DESCRIBE"]

  database {
    name = aws_glue_catalog_database.this[each.value.database].name
  }
}

resource "aws_lakeformation_permissions" "tables" {
  for_each = local.lake_formation_grants

  principal   = aws_iam_role.job[each.value.job].arn
  permissions = ["ALTER", "DELETE", "DESCRIBE", "DROP", "INSERT", "SELECT"]

  table {
    database_name = aws_glue_catalog_database.this[each.value.database].name
    wildcard      = true
  }
}
