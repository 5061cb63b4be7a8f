# S3 -> EventBridge -> SQS, dead letters, other accounts.

mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

variables {
  dist_path = "tests/dist"
}

run "the_queue_takes_the_events_of_the_source" {
  command = plan
  variables {
    source_prefix = "studies/"
  }

  assert {
    condition = jsondecode(aws_cloudwatch_event_rule.source[0].event_pattern) == {
      source        = ["aws.s3"]
      "detail-type" = ["Object Created", "Object Deleted", "Object Restore Completed"]
      detail        = { bucket = { name = ["dicom-lake-123456789012-eu-central-1-source"] }, object = { key = [{ prefix = "studies/" }] } }
    }
    error_message = "Only events below the prefix arrive."
  }
  assert {
    condition     = aws_sqs_queue.events[0].sqs_managed_sse_enabled && aws_sqs_queue.dead_letters[0].sqs_managed_sse_enabled && jsondecode(aws_sqs_queue.events[0].redrive_policy).maxReceiveCount == 5
    error_message = "Queues are encrypted, and what can't be read five times goes to the dead letters."
  }
  assert {
    condition     = [for statement in jsondecode(aws_sqs_queue_policy.this["events"].policy).Statement : statement.Effect] == ["Deny", "Allow"]
    error_message = "TLS only, and the rule may send."
  }
  assert {
    condition     = length(aws_sqs_queue.errors) == 0 && length(aws_cloudwatch_event_permission.source_account) == 0
    error_message = "No error queue, no other account by default."
  }
}

run "an_error_queue" {
  command = plan
  variables {
    error_queue_enabled = true
  }

  assert {
    condition     = aws_glue_job.this["ingest"].default_arguments["--error-queue"] == output.error_queue_url
    error_message = "The job knows the queue."
  }
  assert {
    condition     = contains([for statement in jsondecode(aws_iam_role_policy.job["ingest"].policy).Statement : statement.Sid], "Errors")
    error_message = "The job may send to it."
  }
}

run "a_bucket_of_another_account" {
  command = plan
  variables {
    source_bucket            = "archive"
    source_bucket_region     = "eu-central-1"
    source_bucket_account_id = "210987654321"
    source_kms_key_arn       = "arn:aws:kms:eu-central-1:210987654321:key/theirs"
  }

  assert {
    condition     = aws_cloudwatch_event_permission.source_account[0].principal == "210987654321"
    error_message = "That account may send its events here."
  }
  assert {
    condition     = [for statement in jsondecode(output.source_bucket_policy_statements) : statement.Action] == ["s3:ListBucket", "s3:GetObject"]
    error_message = "Its owner is told what to allow, and no more than reading."
  }
  assert {
    condition     = contains([for statement in jsondecode(aws_iam_role_policy.job["ingest"].policy).Statement : jsonencode(statement.Resource)], jsonencode("arn:aws:kms:eu-central-1:210987654321:key/theirs"))
    error_message = "The role may decrypt with their key."
  }
}

run "a_bucket_of_this_account_by_its_number" {
  command = plan
  variables {
    source_bucket            = "archive"
    source_bucket_region     = "eu-central-1"
    source_bucket_account_id = "123456789012"
  }

  assert {
    condition     = length(aws_cloudwatch_event_permission.source_account) == 0 && output.source_bucket_policy_statements == null
    error_message = "This account is no other account."
  }
}
