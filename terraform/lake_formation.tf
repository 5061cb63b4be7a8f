# Optional: where Lake Formation governs the account's tables, the jobs' roles need its grants beside their IAM policies.
# What follows for readers: docs/how_to/lake_formation.md

# A role of its own: the service-linked one has no right to the key, and each registration adds to its one policy:
# https://docs.aws.amazon.com/lake-formation/latest/dg/service-linked-role-limitations.html
resource "aws_iam_role" "lake_formation" {
  count = var.lake_formation_enabled ? 1 : 0

  name                 = "${var.name}-lake-formation"
  description          = "Lake Formation, which lets engines read the files of ${var.database}"
  permissions_boundary = var.permissions_boundary_arn
  tags                 = local.tags

  # https://docs.aws.amazon.com/lake-formation/latest/dg/registration-role.html (both services, both actions)
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = ["glue.amazonaws.com", "lakeformation.amazonaws.com"] }
      Action    = ["sts:AssumeRole", "sts:SetContext"]
      Condition = local.of_this_account
    }]
  })
}

resource "aws_iam_role_policy" "lake_formation" {
  count = var.lake_formation_enabled ? 1 : 0

  name = "lake-formation"
  role = aws_iam_role.lake_formation[0].id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        # The same page.
        Sid      = "Location"
        Effect   = "Allow"
        Action   = ["s3:DeleteObject", "s3:GetObject", "s3:PutObject"]
        Resource = "${local.lake_bucket_arn}/lake/*"
      },
      {
        Sid      = "List"
        Effect   = "Allow"
        Action   = "s3:ListBucket"
        Resource = local.lake_bucket_arn
      },
      {
        # https://docs.aws.amazon.com/lake-formation/latest/dg/register-encrypted.html; the wildcards are those of the page
        Sid      = "LocationKey"
        Effect   = "Allow"
        Action   = ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"]
        Resource = local.kms_key_arn
      },
    ]
  })
}

resource "aws_lakeformation_resource" "lake" {
  count = var.lake_formation_enabled ? 1 : 0

  arn      = "${local.lake_bucket_arn}/lake"
  role_arn = aws_iam_role.lake_formation[0].arn

  depends_on = [aws_iam_role_policy.lake_formation]
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

locals {
  # A new table has a grant to the group IAMAllowedPrincipals, unless its database has an empty list of default permissions;
  # the provider can't send an empty list (5.100 leaves it out). A database has the group's grant from its beginning.
  # https://docs.aws.amazon.com/lake-formation/latest/dg/upgrade-glue-lake-formation-step5.html
  default_permission_inputs = [
    for name, database in aws_glue_catalog_database.this : {
      Name = name
      DatabaseInput = {
        Name                          = name
        Description                   = database.description
        LocationUri                   = database.location_uri
        CreateTableDefaultPermissions = []
      }
    }
  ]
  iam_group_resources = concat(
    [for name in [var.database, local.staging_database] : { Database = { Name = name } }],
    [for name in ["annotation_groups", "content_items", "dose_events", "dose_reports", "dose_studies", "evaluations", "failures", "frames", "instances", "links", "measurements", "objects", "rois", "rt_beams", "segments", "series", "series_geometry", "series_normalised", "slides", "specimen_steps", "studies", "unique_instances"] : { Table = { DatabaseName = var.database, Name = name } }],
  )
}
