# The ingest reads the source and writes the lake. Nothing here lets it write to or delete from the source.

locals {
  ingest_statements = concat(
    [
      {
        Sid      = "ListSource"
        Effect   = "Allow"
        Action   = "s3:ListBucket"
        Resource = local.source_bucket_arn
        # Asking where a bucket is (HeadBucket) is this action too, and names no prefix.
        Condition = { StringLikeIfExists = { "s3:prefix" = "${var.source_prefix}*" } }
      },
      {
        Sid      = "ReadSource"
        Effect   = "Allow"
        Action   = "s3:GetObject"
        Resource = "${local.source_bucket_arn}/${var.source_prefix}*"
      },
      {
        Sid      = "ListLake"
        Effect   = "Allow"
        Action   = "s3:ListBucket"
        Resource = local.lake_bucket_arn
      },
      {
        # Deletes: leases of old generations, staging tables, uploads that a failed commit leaves.
        Sid      = "WriteLake"
        Effect   = "Allow"
        Action   = ["s3:AbortMultipartUpload", "s3:DeleteObject", "s3:GetObject", "s3:PutObject"]
        Resource = "${local.lake_bucket_arn}/lake/*"
      },
      {
        Sid      = "Tables"
        Effect   = "Allow"
        Action   = ["glue:CreateTable", "glue:GetDatabase", "glue:GetTable", "glue:UpdateTable"]
        Resource = local.tables_arns
      },
      {
        Sid      = "StagingTables"
        Effect   = "Allow"
        Action   = ["glue:CreateTable", "glue:DeleteTable", "glue:GetDatabase", "glue:GetTable", "glue:GetTables", "glue:UpdateTable"]
        Resource = local.staging_arns
      },
      {
        Sid       = "Metrics"
        Effect    = "Allow"
        Action    = "cloudwatch:PutMetricData"
        Resource  = "*" # the action knows no resources
        Condition = { StringEquals = { "cloudwatch:namespace" = var.metrics_namespace } }
      },
      {
        Sid       = "LakeKey"
        Effect    = "Allow"
        Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
        Resource  = local.kms_key_arn
        Condition = local.by_s3
      },
    ],
    local.source_kms_key_arn == null || local.source_kms_key_arn == local.kms_key_arn ? [] : [{
      Sid       = "SourceKey"
      Effect    = "Allow"
      Action    = "kms:Decrypt"
      Resource  = local.source_kms_key_arn
      Condition = local.by_s3
    }],
    [for queue in aws_sqs_queue.events : {
      Sid      = "Events"
      Effect   = "Allow"
      Action   = ["sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"]
      Resource = queue.arn
    }],
    [for queue in aws_sqs_queue.errors : {
      Sid      = "Errors"
      Effect   = "Allow"
      Action   = "sqs:SendMessage"
      Resource = queue.arn
    }],
    local.lake_formation_statements,
  )

  # A key is used by way of S3 alone, in whatever region the bucket is.
  by_s3 = { StringLike = { "kms:ViaService" = "s3.*.${local.dns_suffix}" } }
}
