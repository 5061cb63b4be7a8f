# EventBridge Scheduler -> Lambda: starts the ingest when the queue isn't empty and no job of the lake runs.

resource "aws_lambda_function" "waker" {
  #checkov:skip=CKV_AWS_50:three calls of AWS, all in CloudTrail; a trace would tell no more
  #checkov:skip=CKV_AWS_115:a reservation takes concurrency from the account for good; one call in five minutes needs none
  #checkov:skip=CKV_AWS_116:a call that failed is made again in minutes, and the alarm waker_failed tells of it
  #checkov:skip=CKV_AWS_117:it reaches only AWS's own endpoints; in a VPC it would need three private ones
  #checkov:skip=CKV_AWS_173:the environment names a queue and jobs, nothing secret
  #checkov:skip=CKV_AWS_272:its code comes from this repository by hash; signing is the platform's choice
  count = var.events_enabled ? 1 : 0

  function_name    = "${var.name}-waker"
  description      = "Starts ${local.job_names["ingest"]} when ${var.name}-events isn't empty and no job runs"
  role             = aws_iam_role.waker[0].arn
  runtime          = "python3.13"
  architectures    = ["arm64"]
  handler          = "waker.handler"
  filename         = local.waker_zip
  source_code_hash = local.waker_zip == "" ? null : filebase64sha256(local.waker_zip)
  timeout          = 60
  memory_size      = 256
  tags             = local.tags

  environment {
    variables = {
      REGION     = local.region
      QUEUE_URL  = aws_sqs_queue.events[0].url
      INGEST_JOB = aws_glue_job.this["ingest"].name
      JOBS       = jsonencode([for job in local.jobs : aws_glue_job.this[job].name])
      ARGUMENTS  = jsonencode(local.event_arguments)
    }
  }

  lifecycle {
    precondition {
      condition     = length(local.waker) == 1
      error_message = "${local.dist} must hold one waker-<version>.zip, and holds ${length(local.waker)}: run make dist (after make clean where there are several), or set dist_path."
    }
  }

  depends_on = [aws_cloudwatch_log_group.waker, aws_iam_role_policy.waker]
}

resource "aws_scheduler_schedule" "waker" {
  #checkov:skip=CKV_AWS_297:the schedule holds the ARN of a Lambda, nothing secret
  count = var.events_enabled && var.waker_schedule != null ? 1 : 0

  name                = "${var.name}-waker"
  group_name          = aws_scheduler_schedule_group.this[0].name
  description         = "Looks at ${var.name}-events"
  schedule_expression = var.waker_schedule

  flexible_time_window {
    mode = "OFF"
  }

  target {
    arn      = aws_lambda_function.waker[0].arn
    role_arn = aws_iam_role.scheduler[0].arn
    # The next look comes anyway.
    retry_policy {
      maximum_retry_attempts       = 0
      maximum_event_age_in_seconds = 60
    }
  }
}
