# Maintenance and promotion know the lake, and have no right to the source.

locals {
  upkeep_statements = concat(
    [
      {
        Sid      = "ListLake"
        Effect   = "Allow"
        Action   = "s3:ListBucket"
        Resource = local.lake_bucket_arn
      },
      {
        # Deletes: what no snapshot needs any more, leases of old generations, staging tables.
        Sid      = "WriteLake"
        Effect   = "Allow"
        Action   = ["s3:AbortMultipartUpload", "s3:DeleteObject", "s3:GetObject", "s3:PutObject"]
        Resource = "${local.lake_bucket_arn}/lake/*"
      },
      {
        Sid    = "Tables"
        Effect = "Allow"
        # Creates: tables and views that a new version brings, where one of these jobs is the first of that version.
        Action   = ["glue:CreateTable", "glue:GetDatabase", "glue:GetTable", "glue:UpdateTable"]
        Resource = local.tables_arns
      },
      {
        Sid      = "LookAtStaging"
        Effect   = "Allow"
        Action   = ["glue:GetDatabase", "glue:GetTable"]
        Resource = local.staging_arns
      },
      {
        Sid       = "LakeKey"
        Effect    = "Allow"
        Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
        Resource  = local.kms_key_arn
        Condition = local.by_s3
      },
    ],
    local.lake_formation_statements,
  )

  # Maintenance finishes batches that dead runs had staged, and clears up behind them.
  maintain_statements = concat(local.upkeep_statements, [{
    Sid      = "ClearStaging"
    Effect   = "Allow"
    Action   = ["glue:DeleteTable", "glue:GetTables"]
    Resource = local.staging_arns
  }])
  promote_statements = local.upkeep_statements
}
