locals {
  create_topic = var.create_alarm_topic == null ? var.alarm_topic_arn == null : var.create_alarm_topic
  topic_arn    = local.create_topic ? aws_sns_topic.alarms[0].arn : var.alarm_topic_arn

  alarms = merge(
    {
      run_failed = {
        description = "A job of ${var.name} failed or ran into its timeout."
        namespace   = "AWS/Events"
        metric      = "TriggeredRules"
        dimensions  = { RuleName = aws_cloudwatch_event_rule.failed_run.name }
        statistic   = "Sum"
        above       = 0
      }
      fault_ratio = {
        description = "More than ${var.alarm_fault_ratio * 100} % of an ingest's files were faults."
        namespace   = var.metrics_namespace
        metric      = "FaultRatio"
        dimensions  = { Database = var.database }
        statistic   = "Maximum"
        above       = var.alarm_fault_ratio
      }
    },
    var.events_enabled ? {
      queue_age = {
        description = "An event has waited more than ${var.alarm_queue_age_minutes} minutes for the ingest."
        namespace   = "AWS/SQS"
        metric      = "ApproximateAgeOfOldestMessage"
        dimensions  = { QueueName = aws_sqs_queue.events[0].name }
        statistic   = "Maximum"
        above       = var.alarm_queue_age_minutes * 60
      }
      dead_letters = {
        description = "Events that the ingest couldn't read lie in ${aws_sqs_queue.dead_letters[0].name}."
        namespace   = "AWS/SQS"
        metric      = "ApproximateNumberOfMessagesVisible"
        dimensions  = { QueueName = aws_sqs_queue.dead_letters[0].name }
        statistic   = "Maximum"
        above       = 0
      }
      waker_failed = {
        description = "The Lambda that starts the ingest fails."
        namespace   = "AWS/Lambda"
        metric      = "Errors"
        dimensions  = { FunctionName = aws_lambda_function.waker[0].function_name }
        statistic   = "Sum"
        above       = 0
      }
    } : {},
    local.scheduler_enabled ? {
      scheduler_failed = {
        description = "EventBridge Scheduler dropped a call of ${var.name}."
        namespace   = "AWS/Scheduler"
        metric      = "InvocationDroppedCount"
        dimensions  = { ScheduleGroup = aws_scheduler_schedule_group.this[0].name }
        statistic   = "Sum"
        above       = 0
      }
    } : {},
  )

  runbooks = "docs/how_to/runbooks"
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = local.alarms

  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = "${each.value.description} Runbook: ${local.runbooks}/${each.key}.md"
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.dimensions
  statistic           = each.value.statistic
  comparison_operator = "GreaterThanThreshold"
  threshold           = each.value.above
  period              = 300
  evaluation_periods  = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = [local.topic_arn]
  ok_actions          = [local.topic_arn]
  tags                = local.tags
}

resource "aws_cloudwatch_metric_alarm" "no_success" {
  count = var.alarm_hours_without_success == null ? 0 : 1

  alarm_name          = "${var.name}-no_success"
  alarm_description   = "No ingest of ${var.name} has finished for ${var.alarm_hours_without_success} hours. Runbook: ${local.runbooks}/no_success.md"
  namespace           = var.metrics_namespace
  metric_name         = "RunSucceeded"
  dimensions          = { Database = var.database }
  statistic           = "Sum"
  comparison_operator = "LessThanThreshold"
  threshold           = 1
  period              = 3600
  evaluation_periods  = var.alarm_hours_without_success
  datapoints_to_alarm = var.alarm_hours_without_success
  # Not breaching: an installation that is younger than these hours has no data from before. See scheduler.tf, which adds a
  # zero to each hour, and https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
  treat_missing_data = "notBreaching"
  alarm_actions      = [local.topic_arn]
  ok_actions         = [local.topic_arn]
  tags               = local.tags
}

# Glue has no metric for failed runs; its event also says which run it was.
resource "aws_cloudwatch_event_rule" "failed_run" {
  name        = "${var.name}-failed-run"
  description = "Runs of the jobs of ${var.name} that failed"
  tags        = local.tags

  # https://docs.aws.amazon.com/glue/latest/dg/automating-awsglue-with-cloudwatch-events.html
  event_pattern = jsonencode({
    source        = ["aws.glue"]
    "detail-type" = ["Glue Job State Change"]
    detail = {
      jobName = values(local.job_names)
      state   = ["FAILED", "TIMEOUT", "ERROR"]
    }
  })
}

resource "aws_cloudwatch_event_target" "failed_run" {
  rule = aws_cloudwatch_event_rule.failed_run.name
  arn  = local.topic_arn
  # A role of this account, in place of a topic and a key that every rule of every account might use: EventBridge supports
  # no condition in the policy of a topic. "For Lambda, Amazon SNS, and Amazon SQS resources, EventBridge can use either an
  # IAM execution role or a resource-based policy":
  # https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html
  role_arn = aws_iam_role.failed_run.arn

  input_transformer {
    input_paths = {
      job   = "$.detail.jobName"
      run   = "$.detail.jobRunId"
      state = "$.detail.state"
    }
    input_template = "\"<job>: run <run> is <state>. Runbook: ${local.runbooks}/run_failed.md\""
  }
}

resource "aws_iam_role" "failed_run" {
  name                 = "${var.name}-failed-run"
  description          = "EventBridge, which sends failed runs of ${var.name} to the topic of the alarms"
  permissions_boundary = var.permissions_boundary_arn
  tags                 = local.tags
  assume_role_policy   = local.trust.events
}

resource "aws_iam_role_policy" "failed_run" {
  name = "failed-run"
  role = aws_iam_role.failed_run.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid      = "Publish"
        Effect   = "Allow"
        Action   = "sns:Publish"
        Resource = local.topic_arn
      },
      {
        # A given topic may have a key of its own: any of the topic's account, by way of SNS.
        # https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html: who publishes to an encrypted topic
        Sid       = "TopicKey"
        Effect    = "Allow"
        Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
        Resource  = local.create_topic ? local.kms_key_arn : "arn:${local.partition}:kms:${local.region}:${split(":", local.topic_arn)[4]}:key/*"
        Condition = { StringEqualsIfExists = { "kms:ViaService" = "sns.${local.region}.${local.dns_suffix}" } }
      },
    ]
  })
}

resource "aws_sns_topic" "alarms" {
  count = local.create_topic ? 1 : 0

  name              = "${var.name}-alarms"
  kms_master_key_id = local.kms_key_arn
  tags              = local.tags
}

resource "aws_sns_topic_policy" "alarms" {
  count = local.create_topic ? 1 : 0

  arn = aws_sns_topic.alarms[0].arn
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "Alarms"
      Effect    = "Allow"
      Principal = { Service = "cloudwatch.amazonaws.com" }
      Action    = "sns:Publish"
      Resource  = aws_sns_topic.alarms[0].arn
      Condition = {
        ArnLike = { "aws:SourceArn" = "arn:${local.partition}:cloudwatch:${local.region}:${local.account}:alarm:${var.name}-*" }
      }
    }]
  })
}

resource "aws_sns_topic_subscription" "email" {
  for_each = toset(var.alarm_emails)

  topic_arn = aws_sns_topic.alarms[0].arn
  protocol  = "email"
  endpoint  = each.value
}
