# One role for each job. A role has two policies: what the job's program calls (roles_<job>.tf; a test holds it to the
# calls of a real run) and what Glue itself needs (roles_glue.tf).

locals {
  lake_bucket_arn      = "arn:${local.partition}:s3:::${local.lake_bucket}"
  artifacts_bucket_arn = "arn:${local.partition}:s3:::${local.artifacts_bucket}"
  source_bucket_arn    = "arn:${local.partition}:s3:::${local.source_bucket}"
  source_is_foreign    = var.source_bucket_account_id == null ? false : var.source_bucket_account_id != local.account
  source_kms_key_arn   = local.create_source_bucket ? local.kms_key_arn : var.source_kms_key_arn

  catalog_arn = "arn:${local.partition}:glue:${local.region}:${local.account}"
  tables_arns = [
    "${local.catalog_arn}:catalog",
    "${local.catalog_arn}:database/${var.database}",
    "${local.catalog_arn}:table/${var.database}/*",
  ]
  staging_arns = [
    "${local.catalog_arn}:catalog",
    "${local.catalog_arn}:database/${local.staging_database}",
    "${local.catalog_arn}:table/${local.staging_database}/*",
  ]

  # A service can't be made to use these roles for another account. IfExists, because no page promises that a service sends
  # the key with each of its requests; without it such a request would be refused:
  # https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html
  of_this_account = { StringEqualsIfExists = { "aws:SourceAccount" = local.account } }

  # The trust policy of a role that one service assumes.
  trust = {
    for name, principal in {
      events    = { Service = "events.amazonaws.com" }
      glue      = { Service = "glue.amazonaws.com" }
      lambda    = { Service = "lambda.amazonaws.com" }
      scheduler = { Service = "scheduler.amazonaws.com" }
    } :
    name => jsonencode({
      Version   = "2012-10-17"
      Statement = [{ Effect = "Allow", Principal = principal, Action = "sts:AssumeRole", Condition = local.of_this_account }]
    })
  }

  lake_formation_statements = var.lake_formation_enabled ? [{
    # https://docs.aws.amazon.com/lake-formation/latest/dg/access-control-underlying-data.html
    Sid      = "LakeFormation"
    Effect   = "Allow"
    Action   = "lakeformation:GetDataAccess"
    Resource = "*"
  }] : []

  job_statements = {
    ingest   = local.ingest_statements
    maintain = local.maintain_statements
    promote  = local.promote_statements
  }
}

resource "aws_iam_role" "job" {
  for_each = local.job_names

  name                 = each.value
  description          = "The Glue job ${each.value}"
  permissions_boundary = var.permissions_boundary_arn
  tags                 = local.tags
  assume_role_policy   = local.trust.glue
}

resource "aws_iam_role_policy" "job" {
  for_each = local.job_statements

  name   = "job"
  role   = aws_iam_role.job[each.key].id
  policy = jsonencode({ Version = "2012-10-17", Statement = each.value })
}
