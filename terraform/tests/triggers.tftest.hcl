# What starts a run: schedules, and a queue that isn't empty.

mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

variables {
  dist_path = "tests/dist"
}

run "events_a_sweep_and_maintenance_by_default" {
  command = plan

  assert {
    condition     = toset(keys(aws_glue_trigger.this)) == toset(["maintenance", "sweep"])
    error_message = "A daily sweep and a weekly maintenance."
  }
  assert {
    condition     = aws_glue_trigger.this["sweep"].actions[0].arguments["--source"] == "s3://dicom-lake-123456789012-eu-central-1-source"
    error_message = "The sweep lists the source."
  }
  assert {
    condition     = jsondecode(aws_lambda_function.waker[0].environment[0].variables.ARGUMENTS) == { "--queue" = output.queue_url }
    error_message = "The waker's run drains the queue."
  }
  assert {
    condition     = jsondecode(aws_lambda_function.waker[0].environment[0].variables.JOBS) == ["dicom-lake-ingest", "dicom-lake-maintain", "dicom-lake-promote"]
    error_message = "The waker starts nothing while any job has the lake."
  }
  assert {
    condition     = aws_s3_bucket_notification.source[0].eventbridge && aws_scheduler_schedule.waker[0].schedule_expression == "rate(5 minutes)"
    error_message = "The source sends events, and the queue is looked at."
  }
}

run "every_trigger_can_be_off" {
  command = plan
  variables {
    events_enabled       = false
    sweep_schedule       = null
    maintenance_schedule = null
  }

  assert {
    condition     = length(aws_glue_trigger.this) + length(aws_scheduler_schedule.waker) + length(aws_lambda_function.waker) + length(aws_sqs_queue.events) + length(aws_cloudwatch_event_rule.source) + length(aws_s3_bucket_notification.source) == 0
    error_message = "Nothing starts by itself."
  }
  assert {
    condition     = output.queue_url == null && output.waker_name == null && output.start_event_ingest_command == null
    error_message = "What isn't there is null."
  }
  assert {
    condition     = !strcontains(aws_iam_role_policy.job["ingest"].policy, "sqs:")
    error_message = "Without a queue the role has no right to one."
  }
}

run "a_schedule_instead_of_events" {
  command = plan
  variables {
    events_enabled  = false
    ingest_schedule = "cron(15 * * * ? *)"
    sweep_schedule  = null
    source_prefix   = "studies/"
  }

  assert {
    condition     = aws_glue_trigger.this["ingest"].actions[0].arguments["--source"] == "s3://dicom-lake-123456789012-eu-central-1-source/studies"
    error_message = "The schedule lists the source below its prefix."
  }
}

run "a_queue_without_a_waker" {
  command = plan
  variables {
    waker_schedule = null
  }

  assert {
    condition     = length(aws_scheduler_schedule.waker) == 0 && length(aws_lambda_function.waker) == 1
    error_message = "The Lambda is there to be called by others."
  }
}
