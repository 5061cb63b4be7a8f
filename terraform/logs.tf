locals {
  glue_log_prefix = "/aws-glue/${var.name}"
  waker_log_group = "/aws/lambda/${var.name}-waker"

  # With a security configuration Glue writes to groups of these names, and makes what is missing without retention:
  # https://docs.aws.amazon.com/glue/latest/dg/monitor-continuous-logging.html#monitor-logging-security-configuration
  # The program's own lines (stderr) are in output, Spark's in error.
  job_log_groups = {
    for pair in setproduct(local.jobs, ["output", "error"]) :
    join("-", pair) => "${local.glue_log_prefix}/${var.name}-role/${local.job_names[pair[0]]}/${pair[1]}"
  }

  # A role that writes to an encrypted group must be able to use its key by way of CloudWatch Logs, beside the service
  # itself (kms.tf): https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html (the actions and
  # their wildcards) and https://docs.aws.amazon.com/glue/latest/dg/set-up-encryption.html (both policies are needed).
  log_key_statements = [{
    Sid       = "LogsKey"
    Effect    = "Allow"
    Action    = ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"]
    Resource  = local.kms_key_arn
    Condition = local.by_logs
  }]

  # The key is used by way of CloudWatch Logs alone.
  by_logs = { StringEquals = { "kms:ViaService" = "logs.${local.region}.${local.dns_suffix}" } }
}

resource "aws_cloudwatch_log_group" "job" {
  for_each = local.job_log_groups

  name              = each.value
  retention_in_days = var.log_retention_days
  kms_key_id        = local.kms_key_arn
  tags              = local.tags
}

resource "aws_cloudwatch_log_group" "waker" {
  count = var.events_enabled ? 1 : 0

  name              = local.waker_log_group
  retention_in_days = var.log_retention_days
  kms_key_id        = local.kms_key_arn
  tags              = local.tags
}
