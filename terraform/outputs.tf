output "source" {
  description = "Where DICOM files go."
  value       = local.source
}

output "lake" {
  description = "The lake: --lake of every command."
  value       = local.lake
}

output "database" {
  description = "Glue database of the tables."
  value       = aws_glue_catalog_database.this[var.database].name
}

output "buckets" {
  description = "Names of the buckets: source, lake, artifacts."
  value = {
    source    = local.source_bucket
    lake      = aws_s3_bucket.lake.bucket
    artifacts = aws_s3_bucket.artifacts.bucket
  }
}

output "kms_key_arn" {
  description = "Key that encrypts buckets, logs and alarms."
  value       = local.kms_key_arn
}

output "kms_key_policy_statements" {
  description = "Statements that the policy of a given key must have, as JSON."
  value       = jsonencode(local.kms_service_statements)
}

output "job_names" {
  description = "Names of the Glue jobs: ingest, maintain, promote."
  value       = { for job in local.jobs : job => aws_glue_job.this[job].name }
}

output "role_arns" {
  description = "Roles of the jobs."
  value       = { for job in local.jobs : job => aws_iam_role.job[job].arn }
}

output "queue_url" {
  description = "Queue of S3's events; null without events."
  value       = one(aws_sqs_queue.events[*].url)
}

output "dead_letter_queue_url" {
  description = "Events that the job couldn't read; null without events."
  value       = one(aws_sqs_queue.dead_letters[*].url)
}

output "error_queue_url" {
  description = "One message for each file that is a fault; null unless error_queue_enabled."
  value       = one(aws_sqs_queue.errors[*].url)
}

output "waker_name" {
  description = "Lambda that starts the ingest; null without events."
  value       = one(aws_lambda_function.waker[*].function_name)
}

output "workgroup" {
  description = "Athena workgroup."
  value       = aws_athena_workgroup.this.name
}

output "reader_policy_arn" {
  description = "IAM policy for users of the workgroup that all share: attach it to their role. They can read each other's results."
  value       = aws_iam_policy.reader.arn
}

output "reader_policy_arns" {
  description = "IAM policies for those of readers, by their names: attach each to the reader's role."
  value       = { for reader, policy in aws_iam_policy.readers : reader => policy.arn }
}

output "reader_workgroups" {
  description = "Athena workgroups of those of readers, by their names."
  value       = { for reader, workgroup in aws_athena_workgroup.reader : reader => workgroup.name }
}

output "identifying_columns" {
  description = "Columns of each table that may identify a person, for column-level grants and de-identified views."
  value = {
    instances = local.identifying_columns
    failures  = ["source_member", "source_uri"]
    objects   = ["source_uri"]
  }
}

output "lake_formation_commands" {
  description = "Commands for an administrator of Lake Formation: no grant of the databases and their tables to IAMAllowedPrincipals; null unless lake_formation_enabled."
  value = var.lake_formation_enabled ? concat(
    [for input in local.default_permission_inputs : "aws glue update-database --region ${local.region} --cli-input-json '${jsonencode(input)}'"],
    [for resource in local.iam_group_resources : "aws lakeformation revoke-permissions --region ${local.region} --principal DataLakePrincipalIdentifier=IAM_ALLOWED_PRINCIPALS --permissions ALL --resource '${jsonencode(resource)}'"],
  ) : null
}

output "alarm_topic_arn" {
  description = "SNS topic of the alarms."
  value       = local.topic_arn
}

output "alarm_names" {
  description = "CloudWatch alarms; each has a runbook in docs/how_to/runbooks."
  value       = sort(concat(values(aws_cloudwatch_metric_alarm.this)[*].alarm_name, aws_cloudwatch_metric_alarm.no_success[*].alarm_name))
}

output "log_groups" {
  description = "Log groups of the jobs: <job>-output has the program's lines, <job>-error Spark's."
  value       = { for name, group in aws_cloudwatch_log_group.job : name => group.name }
}

output "log_reader_statements" {
  description = "Statements for the role of a person that reads the logs, as JSON: the groups, and their key."
  value = jsonencode([
    {
      # https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/permissions-reference-cwl.html
      Sid    = "ReadLogs"
      Effect = "Allow"
      Action = ["logs:DescribeLogStreams", "logs:FilterLogEvents", "logs:GetLogEvents", "logs:StartQuery"]
      Resource = [
        for group in concat(values(aws_cloudwatch_log_group.job), aws_cloudwatch_log_group.waker) : "${group.arn}:*"
      ]
    },
    {
      # https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html
      Sid       = "ReadLogsKey"
      Effect    = "Allow"
      Action    = "kms:Decrypt"
      Resource  = local.kms_key_arn
      Condition = local.by_logs
    },
  ])
}

output "start_ingest_command" {
  description = "Lists the whole source and brings the lake up to date with it."
  value       = "aws glue start-job-run --region ${local.region} --job-name ${aws_glue_job.this["ingest"].name} --arguments '${jsonencode(local.sweep_arguments)}'"
}

output "start_event_ingest_command" {
  description = "Ingests the objects of the queue; null without events."
  value       = var.events_enabled ? "aws glue start-job-run --region ${local.region} --job-name ${aws_glue_job.this["ingest"].name} --arguments '${jsonencode(local.event_arguments)}'" : null
}

output "query_command" {
  description = "Queries Athena for the number of instances of each modality."
  value       = "aws athena start-query-execution --region ${local.region} --work-group ${aws_athena_workgroup.this.name} --query-execution-context Database=${var.database} --query-string 'SELECT modality, count(*) AS instances FROM instances GROUP BY 1 ORDER BY 2 DESC'"
}

output "source_bucket_policy_statements" {
  description = "Statements that the owner of a source bucket in another account adds to its policy, as JSON; null otherwise."
  value = local.source_is_foreign ? jsonencode([
    {
      Sid       = "DicomLakeList"
      Effect    = "Allow"
      Principal = { AWS = aws_iam_role.job["ingest"].arn }
      Action    = "s3:ListBucket"
      Resource  = local.source_bucket_arn
    },
    {
      Sid       = "DicomLakeRead"
      Effect    = "Allow"
      Principal = { AWS = aws_iam_role.job["ingest"].arn }
      Action    = "s3:GetObject"
      Resource  = "${local.source_bucket_arn}/${var.source_prefix}*"
    },
  ]) : null
}

output "enable_source_events_command" {
  description = "Turns on EventBridge for an existing source bucket and keeps the notifications that it has; its owner runs it. Null where the bucket was made here, or without events."
  value = var.events_enabled && !local.create_source_bucket ? join(" && ", [
    "aws s3api get-bucket-notification-configuration --bucket ${local.source_bucket} > notifications.json",
    "jq '. + {EventBridgeConfiguration: {}}' notifications.json > merged.json",
    "aws s3api put-bucket-notification-configuration --bucket ${local.source_bucket} --notification-configuration file://merged.json",
  ]) : null
}
