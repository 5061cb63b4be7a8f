# EventBridge Scheduler: the waker's schedule (waker.tf), and a zero for the alarm no_success. Both are in a group of their
# own, because the Scheduler's metrics have no dimension but the group:
# https://docs.aws.amazon.com/scheduler/latest/UserGuide/monitoring-cloudwatch.html

locals {
  zero_enabled      = var.alarm_hours_without_success != null
  scheduler_enabled = var.events_enabled || local.zero_enabled
}

resource "aws_scheduler_schedule_group" "this" {
  count = local.scheduler_enabled ? 1 : 0

  name = var.name
  tags = local.tags
}

# The alarm no_success counts hours in which no run ended well. An hour without any data says nothing: the installation may
# be minutes old. So each hour has a zero from the first apply on, and the runs add to it.
resource "aws_scheduler_schedule" "zero" {
  #checkov:skip=CKV_AWS_297:the schedule holds a metric's name, nothing secret
  count = local.zero_enabled ? 1 : 0

  name                = "${var.name}-zero"
  group_name          = aws_scheduler_schedule_group.this[0].name
  description         = "Adds nothing to RunSucceeded of ${var.database}, so that hours without a run count"
  schedule_expression = "rate(30 minutes)"

  flexible_time_window {
    mode = "OFF"
  }

  target {
    # https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-targets-universal.html
    arn      = "arn:${local.partition}:scheduler:::aws-sdk:cloudwatch:putMetricData"
    role_arn = aws_iam_role.scheduler[0].arn
    input = jsonencode({
      Namespace = var.metrics_namespace
      MetricData = [{
        MetricName = "RunSucceeded"
        Dimensions = [{ Name = "Database", Value = var.database }]
        Unit       = "Count"
        Value      = 0
      }]
    })
    retry_policy {
      maximum_retry_attempts       = 5
      maximum_event_age_in_seconds = 900
    }
  }

  depends_on = [aws_iam_role_policy.scheduler]
}

resource "aws_iam_role" "scheduler" {
  count = local.scheduler_enabled ? 1 : 0

  name                 = "${var.name}-scheduler"
  description          = "EventBridge Scheduler, which calls the waker of ${var.name}"
  permissions_boundary = var.permissions_boundary_arn
  tags                 = local.tags
  assume_role_policy   = local.trust.scheduler
}

resource "aws_iam_role_policy" "scheduler" {
  count = local.scheduler_enabled ? 1 : 0

  name = "scheduler"
  role = aws_iam_role.scheduler[0].id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [for waker in aws_lambda_function.waker : {
        Sid      = "Waker"
        Effect   = "Allow"
        Action   = "lambda:InvokeFunction"
        Resource = waker.arn
      }],
      local.zero_enabled ? [{
        Sid       = "Zero"
        Effect    = "Allow"
        Action    = "cloudwatch:PutMetricData"
        Resource  = "*" # the action knows no resources
        Condition = { StringEquals = { "cloudwatch:namespace" = var.metrics_namespace } }
      }] : [],
    )
  })
}
