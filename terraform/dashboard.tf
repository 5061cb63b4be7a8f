locals {
  # As dicom_udf.errors.FailureCode; a test compares them.
  failure_codes = [
    "NOT_DICOM", "DICOMDIR", "EMPTY_OBJECT", "TRUNCATED", "CORRUPT_HEADER", "CORRUPT_ARCHIVE", "EMPTY_ARCHIVE",
    "ENCRYPTED_ARCHIVE", "UNSUPPORTED_COMPRESSION", "NESTING_TOO_DEEP", "ARCHIVE_LIMIT", "OBJECT_ARCHIVED",
    "ACCESS_DENIED", "OBJECT_CHANGED", "NOT_FOUND", "READ_ERROR", "INTERNAL_ERROR", "INVALID_MESSAGE",
  ]

  # Title, metrics of a run, statistic: docs/how_to/watch_a_run.md.
  run_widgets = [
    { title = "Runs", metrics = ["RunSucceeded", "RunFailed"], stat = "Sum" },
    { title = "Instances and faults", metrics = ["Instances", "Faults"], stat = "Sum" },
    { title = "Objects", metrics = ["ObjectsListed", "ObjectsRead", "ObjectsDeleted"], stat = "Sum" },
    { title = "Lag of the object that waited longest, seconds", metrics = ["LagSeconds"], stat = "Maximum" },
    { title = "Duration, seconds", metrics = ["DurationSeconds"], stat = "Maximum" },
    { title = "Bytes read", metrics = ["BytesRead"], stat = "Sum" },
    { title = "Requests to S3 (0.40 USD a million)", metrics = ["Requests"], stat = "Sum" },
  ]

  cost_widgets = concat(
    [{
      title   = "Executors (0.44 USD an hour each on G.1X)"
      stat    = "Maximum"
      metrics = [for job in local.jobs : ["Glue", "glue.driver.ExecutorAllocationManager.executors.numberAllExecutors", "JobName", local.job_names[job], "JobRunId", "ALL", "Type", "gauge"]]
      }, {
      title   = "Bytes that queries scanned (5 USD a TB)"
      stat    = "Sum"
      metrics = [for workgroup in concat([var.name], [for reader in var.readers : "${var.name}-${reader}"]) : ["AWS/Athena", "ProcessedBytes", "WorkGroup", workgroup]]
    }],
    [for queue in aws_sqs_queue.events : {
      title   = "Events that wait, and dead letters"
      stat    = "Maximum"
      metrics = [for name in [queue.name, aws_sqs_queue.dead_letters[0].name] : ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", name]]
    }],
  )

  metric_widgets = concat(
    [for widget in local.run_widgets : merge(widget, {
      metrics = [for metric in widget.metrics : [var.metrics_namespace, metric, "Database", var.database]]
    })],
    local.cost_widgets,
  )
}

resource "aws_cloudwatch_dashboard" "this" {
  count = var.dashboard_enabled ? 1 : 0

  dashboard_name = var.name
  dashboard_body = jsonencode({
    widgets = concat(
      [for index, widget in local.metric_widgets : {
        type   = "metric"
        x      = index % 3 * 8
        y      = floor(index / 3) * 6
        width  = 8
        height = 6
        properties = {
          title   = widget.title
          region  = local.region
          stat    = widget.stat
          period  = 3600
          metrics = widget.metrics
        }
      }],
      [{
        type   = "log"
        x      = 0
        y      = ceil(length(local.metric_widgets) / 3) * 6
        width  = 24
        height = 6
        properties = {
          title  = "Failures by code"
          region = local.region
          view   = "timeSeries"
          query = join(" | ", [
            "SOURCE '${local.job_log_groups["ingest-output"]}'",
            "filter message = 'report'",
            "stats ${join(", ", [for code in local.failure_codes : "sum(report.failures.${code}) as ${code}"])} by bin(1d)",
          ])
        }
      }],
      [{
        type       = "alarm"
        x          = 0
        y          = ceil(length(local.metric_widgets) / 3) * 6 + 6
        width      = 24
        height     = 3
        properties = { title = "Alarms", alarms = concat(values(aws_cloudwatch_metric_alarm.this)[*].arn, aws_cloudwatch_metric_alarm.no_success[*].arn) }
      }],
    )
  })
}
