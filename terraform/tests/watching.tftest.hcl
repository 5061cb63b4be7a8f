# Logs, alarms, the dashboard.

mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

variables {
  dist_path = "tests/dist"
}

run "logs_are_kept_and_encrypted_under_the_names_that_glue_uses" {
  command = plan

  assert {
    condition     = output.log_groups["ingest-output"] == "/aws-glue/dicom-lake/dicom-lake-role/dicom-lake-ingest/output" && length(aws_cloudwatch_log_group.job) == 6
    error_message = "<prefix>/<security configuration>-role/<role>/<kind>"
  }
  assert {
    condition     = alltrue([for group in concat(values(aws_cloudwatch_log_group.job), aws_cloudwatch_log_group.waker) : group.retention_in_days == 365])
    error_message = "A group keeps its logs for ever."
  }
}

run "an_alarm_for_each_runbook" {
  command = plan

  assert {
    condition     = toset([for name in output.alarm_names : trimprefix(name, "dicom-lake-")]) == toset([for name in fileset("../docs/how_to/runbooks", "*.md") : trimsuffix(name, ".md") if !contains(["README.md"], name)])
    error_message = "Alarms and runbooks differ."
  }
  assert {
    condition     = alltrue([for alarm in concat(values(aws_cloudwatch_metric_alarm.this), aws_cloudwatch_metric_alarm.no_success) : length(alarm.alarm_actions) == 1])
    error_message = "An alarm tells nobody."
  }
}

run "the_alarm_no_success_waits_for_its_hours_after_the_first_apply" {
  command = plan
  variables {
    metrics_namespace = "Imaging"
    database          = "radiology"
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.no_success[0].treat_missing_data == "notBreaching" && aws_cloudwatch_metric_alarm.no_success[0].datapoints_to_alarm == 26
    error_message = "Hours before the first apply have no data, and would ring."
  }
  assert {
    condition = jsondecode(aws_scheduler_schedule.zero[0].target[0].input) == {
      Namespace  = aws_cloudwatch_metric_alarm.no_success[0].namespace
      MetricData = [{ MetricName = aws_cloudwatch_metric_alarm.no_success[0].metric_name, Dimensions = [{ Name = "Database", Value = aws_cloudwatch_metric_alarm.no_success[0].dimensions["Database"] }], Unit = "Count", Value = 0 }]
    }
    error_message = "Each hour since has a zero in the metric of the alarm; otherwise it would never ring."
  }
  assert {
    condition     = contains([for statement in jsondecode(aws_iam_role_policy.scheduler[0].policy).Statement : jsonencode(try(statement.Condition, null))], jsonencode({ StringEquals = { "cloudwatch:namespace" = "Imaging" } }))
    error_message = "The Scheduler may write to the namespace."
  }
}

run "a_scheduler_that_fails_rings" {
  command = plan

  assert {
    condition     = aws_cloudwatch_metric_alarm.this["scheduler_failed"].namespace == "AWS/Scheduler" && aws_cloudwatch_metric_alarm.this["scheduler_failed"].metric_name == "InvocationDroppedCount" && aws_cloudwatch_metric_alarm.this["scheduler_failed"].dimensions == tomap({ ScheduleGroup = "dicom-lake" })
    error_message = "The Scheduler's own failures are no errors of the Lambda."
  }
  assert {
    condition     = distinct([aws_scheduler_schedule.waker[0].group_name, aws_scheduler_schedule.zero[0].group_name]) == tolist(["dicom-lake"])
    error_message = "A schedule outside of the group that the alarm watches."
  }
}

run "failed_runs_reach_the_topic_by_a_role" {
  command = plan

  assert {
    condition     = aws_cloudwatch_event_target.failed_run.role_arn == aws_iam_role.failed_run.arn && [for statement in jsondecode(aws_iam_role_policy.failed_run.policy).Statement : statement.Resource] == [aws_sns_topic.alarms[0].arn, aws_kms_key.this[0].arn]
    error_message = "The role may publish to the topic, and use its key."
  }
  assert {
    condition     = !strcontains(aws_sns_topic_policy.alarms[0].policy, "events.amazonaws.com")
    error_message = "The topic is open to the rules of every account."
  }
}

run "without_events_there_are_no_alarms_about_queues" {
  command = plan
  variables {
    events_enabled              = false
    alarm_hours_without_success = null
  }

  assert {
    condition     = toset(output.alarm_names) == toset(["dicom-lake-run_failed", "dicom-lake-fault_ratio"])
    error_message = "Alarms are about what is there."
  }
}

run "a_given_topic" {
  command = plan
  variables {
    alarm_topic_arn = "arn:aws:sns:eu-central-1:123456789012:on-call"
  }

  assert {
    condition     = length(aws_sns_topic.alarms) == 0 && aws_cloudwatch_event_target.failed_run.arn == "arn:aws:sns:eu-central-1:123456789012:on-call"
    error_message = "Alarms go to the given topic."
  }
  assert {
    condition     = [for statement in jsondecode(aws_iam_role_policy.failed_run.policy).Statement : statement.Resource] == ["arn:aws:sns:eu-central-1:123456789012:on-call", "arn:aws:kms:eu-central-1:123456789012:key/*"]
    error_message = "A given topic may have a key of its own."
  }
}

run "addresses" {
  command = plan
  variables {
    alarm_emails = ["a@example.org", "b@example.org"]
  }

  assert {
    condition     = length(aws_sns_topic_subscription.email) == 2
    error_message = "An address isn't subscribed."
  }
}

run "a_dashboard_with_every_failure_code" {
  command = plan

  assert {
    condition     = alltrue([for code in local.failure_codes : strcontains(aws_cloudwatch_dashboard.this[0].dashboard_body, "report.failures.${code}")])
    error_message = "A code is missing."
  }
}

run "no_dashboard" {
  command = plan
  variables {
    dashboard_enabled = false
  }

  assert {
    condition     = length(aws_cloudwatch_dashboard.this) == 0
    error_message = "The dashboard can be left out."
  }
}

run "a_name_of_its_own" {
  command = plan
  variables {
    name = "radiology-lake"
    tags = { team = "imaging" }
  }

  assert {
    condition     = alltrue([for name in concat(values(output.job_names), values(output.buckets), output.alarm_names, [output.workgroup]) : startswith(name, "radiology-lake")])
    error_message = "Two installations would clash."
  }
  assert {
    condition     = aws_s3_bucket.lake.tags == tomap({ "dicom-lake" = "radiology-lake", team = "imaging" })
    error_message = "Tags reach the resources."
  }
}
