# For people who query: attach the policy to their role. It reads tables and writes results, and nothing else.

resource "aws_iam_policy" "reader" {
  name        = "${var.name}-reader"
  description = "Queries the database ${var.database} in the Athena workgroup ${var.name}"
  tags        = local.tags

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [
        {
          Sid    = "Queries"
          Effect = "Allow"
          Action = [
            "athena:BatchGetNamedQuery", "athena:GetNamedQuery", "athena:GetQueryExecution", "athena:GetQueryResults",
            "athena:GetWorkGroup", "athena:ListNamedQueries", "athena:ListQueryExecutions", "athena:StartQueryExecution",
            "athena:StopQueryExecution",
          ]
          Resource = aws_athena_workgroup.this.arn
        },
        {
          Sid      = "Catalog"
          Effect   = "Allow"
          Action   = ["glue:GetDatabase", "glue:GetTable", "glue:GetTables"]
          Resource = local.tables_arns
        },
        {
          Sid       = "ReadTables"
          Effect    = "Allow"
          Action    = "s3:GetObject"
          Resource  = "${local.lake_bucket_arn}/lake/${var.database}/*"
          Condition = { Bool = { "aws:SecureTransport" = "true" } }
        },
        {
          # https://docs.aws.amazon.com/athena/latest/ug/s3-permissions.html
          Sid      = "Buckets"
          Effect   = "Allow"
          Action   = ["s3:GetBucketLocation", "s3:ListBucket"]
          Resource = [local.lake_bucket_arn, local.artifacts_bucket_arn]
          Condition = {
            StringLikeIfExists = { "s3:prefix" = ["lake/${var.database}/*", "${local.athena_results_prefix}*"] }
          }
        },
        {
          Sid      = "Results"
          Effect   = "Allow"
          Action   = ["s3:AbortMultipartUpload", "s3:GetObject", "s3:ListMultipartUploadParts", "s3:PutObject"]
          Resource = "${local.artifacts_bucket_arn}/${local.athena_results_prefix}*"
        },
        {
          Sid       = "Key"
          Effect    = "Allow"
          Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
          Resource  = local.kms_key_arn
          Condition = local.by_s3
        },
      ],
      local.lake_formation_statements,
    )
  })
}
