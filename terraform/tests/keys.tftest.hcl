# One key for buckets, logs and alarms: made here, or given.

mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

variables {
  dist_path = "tests/dist"
}

run "a_key_is_made" {
  command = plan

  assert {
    condition     = aws_kms_key.this[0].enable_key_rotation && [for statement in jsondecode(aws_kms_key.this[0].policy).Statement : statement.Sid] == ["Account", "Logs", "Alarms"] && !strcontains(aws_kms_key.this[0].policy, "events.amazonaws.com")
    error_message = "The key rotates, and lets this account, its logs and its alarms use it."
  }
  assert {
    condition     = output.kms_key_arn == aws_kms_key.this[0].arn
    error_message = "The key is an output."
  }
}

run "a_given_key_is_used_everywhere" {
  command = plan
  variables {
    kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/given"
  }

  assert {
    condition     = length(aws_kms_key.this) == 0 && length(aws_kms_alias.this) == 0
    error_message = "No second key is made."
  }
  assert {
    condition = distinct(concat(
      flatten([for rules in aws_s3_bucket_server_side_encryption_configuration.this : [for rule in rules.rule : rule.apply_server_side_encryption_by_default[0].kms_master_key_id]]),
      values(aws_cloudwatch_log_group.job)[*].kms_key_id,
      aws_cloudwatch_log_group.waker[*].kms_key_id,
      aws_sns_topic.alarms[*].kms_master_key_id,
      [for job in aws_glue_job.this : job.default_arguments["--kms-key"]],
      [aws_athena_workgroup.this.configuration[0].result_configuration[0].encryption_configuration[0].kms_key_arn],
      [aws_glue_security_configuration.this.encryption_configuration[0].cloudwatch_encryption[0].kms_key_arn],
    )) == tolist(["arn:aws:kms:eu-central-1:123456789012:key/given"])
    error_message = "Something is encrypted by another key."
  }
}

run "no_key_is_made_where_that_is_said" {
  command = plan
  variables {
    create_kms_key = false
    kms_key_arn    = "arn:aws:kms:eu-central-1:123456789012:key/given"
  }

  assert {
    condition     = length(aws_kms_key.this) == 0
    error_message = "create_kms_key = false says the same as a given key."
  }
}
