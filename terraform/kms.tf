locals {
  create_kms_key = var.create_kms_key == null ? var.kms_key_arn == null : var.create_kms_key
  kms_key_arn    = local.create_kms_key ? aws_kms_key.this[0].arn : var.kms_key_arn

  # What the key's policy says beside "this account's IAM decides"; a given key needs these statements too.
  kms_service_statements = [
    {
      # https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html
      Sid       = "Logs"
      Effect    = "Allow"
      Principal = { Service = "logs.${local.region}.${local.dns_suffix}" }
      Action    = ["kms:Decrypt*", "kms:DescribeKey", "kms:Encrypt*", "kms:GenerateDataKey*", "kms:ReEncrypt*"]
      Resource  = "*"
      Condition = {
        ArnLike = {
          "kms:EncryptionContext:aws:logs:arn" = [
            for prefix in [local.glue_log_prefix, local.waker_log_group] :
            "arn:${local.partition}:logs:${local.region}:${local.account}:log-group:${prefix}*"
          ]
        }
      }
    },
    {
      # https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html: who publishes to an encrypted topic
      Sid       = "Alarms"
      Effect    = "Allow"
      Principal = { Service = "cloudwatch.amazonaws.com" }
      Action    = ["kms:Decrypt", "kms:GenerateDataKey*"]
      Resource  = "*"
      Condition = { StringEquals = { "aws:SourceAccount" = local.account } }
    },
  ]
}

resource "aws_kms_key" "this" {
  count = local.create_kms_key ? 1 : 0

  description         = "DICOM Lake ${var.name}: buckets, logs, alarms"
  enable_key_rotation = true
  tags                = local.tags

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat([{
      # https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html: IAM policies of this account
      # decide who uses the key; without this statement nobody could change the policy again.
      Sid       = "Account"
      Effect    = "Allow"
      Principal = { AWS = "arn:${local.partition}:iam::${local.account}:root" }
      Action    = "kms:*"
      Resource  = "*"
    }], local.kms_service_statements)
  })
}

resource "aws_kms_alias" "this" {
  count = local.create_kms_key ? 1 : 0

  name          = "alias/${var.name}"
  target_key_id = aws_kms_key.this[0].key_id
}
