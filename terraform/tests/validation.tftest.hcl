# What is wrong is refused by terraform plan: one run for every validation, and for every precondition at the end.

mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

variables {
  dist_path = "tests/dist"
}

run "a_name_with_capitals" {
  command = plan
  variables {
    name = "Lake"
  }
  expect_failures = [var.name]
}

run "a_name_too_long_for_a_bucket" {
  command = plan
  variables {
    name = "a-name-of-twenty-five-let"
  }
  expect_failures = [var.name]
}

run "a_database_with_a_hyphen" {
  command = plan
  variables {
    database = "di-com"
  }
  expect_failures = [var.database]
}

run "a_database_that_looks_like_staging" {
  command = plan
  variables {
    database = "dicom_staging"
  }
  expect_failures = [var.database]
}

run "a_boundary_that_is_no_policy" {
  command = plan
  variables {
    permissions_boundary_arn = "boundary"
  }
  expect_failures = [var.permissions_boundary_arn]
}

run "an_own_key_and_a_given_key" {
  command = plan
  variables {
    create_kms_key = true
    kms_key_arn    = "arn:aws:kms:eu-central-1:123456789012:key/1"
  }
  expect_failures = [var.create_kms_key]
}

run "no_key_at_all" {
  command = plan
  variables {
    create_kms_key = false
  }
  expect_failures = [var.create_kms_key]
}

run "an_alias_as_key" {
  command = plan
  variables {
    kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:alias/own"
  }
  expect_failures = [var.kms_key_arn]
}

run "a_made_source_bucket_and_a_given_one" {
  command = plan
  variables {
    create_source_bucket = true
    source_bucket        = "archive"
    source_bucket_region = "eu-central-1"
  }
  expect_failures = [var.create_source_bucket]
}

run "no_source_bucket_at_all" {
  command = plan
  variables {
    create_source_bucket = false
  }
  expect_failures = [var.create_source_bucket]
}

run "access_logs_without_a_bucket" {
  command = plan
  variables {
    access_logs_enabled = true
  }
  expect_failures = [var.access_logs_enabled]
}

run "a_bucket_for_access_logs_that_are_off" {
  command = plan
  variables {
    access_logs_enabled = false
    access_log_bucket   = "access-logs"
  }
  expect_failures = [var.access_logs_enabled]
}

run "a_vpc_without_a_subnet" {
  command = plan
  variables {
    in_vpc = true
  }
  expect_failures = [var.in_vpc]
}

run "a_subnet_without_a_vpc" {
  command = plan
  variables {
    in_vpc             = false
    subnet_id          = "subnet-0123"
    security_group_ids = ["sg-0123"]
  }
  expect_failures = [var.in_vpc]
}

run "a_made_topic_and_a_given_one" {
  command = plan
  variables {
    create_alarm_topic = true
    alarm_topic_arn    = "arn:aws:sns:eu-central-1:123456789012:alarms"
  }
  expect_failures = [var.create_alarm_topic]
}

run "no_topic_at_all" {
  command = plan
  variables {
    create_alarm_topic = false
  }
  expect_failures = [var.create_alarm_topic]
}

run "a_url_as_source_bucket" {
  command = plan
  variables {
    source_bucket        = "s3://archive"
    source_bucket_region = "eu-central-1"
  }
  expect_failures = [var.source_bucket]
}

run "an_existing_bucket_without_its_region" {
  command = plan
  variables {
    source_bucket = "archive"
  }
  expect_failures = [var.source_bucket_region]
}

run "a_region_without_a_bucket" {
  command = plan
  variables {
    source_bucket_region = "eu-central-1"
  }
  expect_failures = [var.source_bucket_region]
}

run "an_account_that_is_none" {
  command = plan
  variables {
    source_bucket            = "archive"
    source_bucket_region     = "eu-central-1"
    source_bucket_account_id = "12345"
  }
  expect_failures = [var.source_bucket_account_id]
}

run "an_account_without_a_bucket" {
  command = plan
  variables {
    source_bucket_account_id = "210987654321"
  }
  expect_failures = [var.source_bucket_account_id]
}

run "a_prefix_that_begins_with_a_slash" {
  command = plan
  variables {
    source_prefix = "/studies/"
  }
  expect_failures = [var.source_prefix]
}

run "a_prefix_that_ends_without_a_slash" {
  command = plan
  variables {
    source_prefix = "studies"
  }
  expect_failures = [var.source_prefix]
}

run "a_source_key_without_a_bucket" {
  command = plan
  variables {
    source_kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/1"
  }
  expect_failures = [var.source_kms_key_arn]
}

run "half_a_day_of_versions" {
  command = plan
  variables {
    noncurrent_version_days = 0.5
  }
  expect_failures = [var.noncurrent_version_days]
}

run "no_day_of_results" {
  command = plan
  variables {
    athena_results_days = 0
  }
  expect_failures = [var.athena_results_days]
}

run "a_glue_without_these_wheels" {
  command = plan
  variables {
    glue_version = "4.0"
  }
  expect_failures = [var.glue_version]
}

run "a_worker_that_the_provider_does_not_know" {
  command = plan
  variables {
    worker_type = "R.1X"
  }
  expect_failures = [var.worker_type]
}

run "one_worker" {
  command = plan
  variables {
    number_of_workers = 1
  }
  expect_failures = [var.number_of_workers]
}

run "one_worker_for_upkeep" {
  command = plan
  variables {
    upkeep_workers = 1
  }
  expect_failures = [var.upkeep_workers]
}

run "a_timeout_of_eight_days" {
  command = plan
  variables {
    timeout_minutes = 11520
  }
  expect_failures = [var.timeout_minutes]
}

run "a_partition_by_week" {
  command = plan
  variables {
    partition_by = "week"
  }
  expect_failures = [var.partition_by]
}

run "an_argument_without_hyphens" {
  command = plan
  variables {
    ingest_arguments = { include = "*.dcm" }
  }
  expect_failures = [var.ingest_arguments]
}

run "an_argument_that_follows_from_others" {
  command = plan
  variables {
    ingest_arguments = { "--lake" = "s3://other/lake" }
  }
  expect_failures = [var.ingest_arguments]
}

run "a_maintenance_argument_without_hyphens" {
  command = plan
  variables {
    maintain_arguments = { snapshot-days = "30" }
  }
  expect_failures = [var.maintain_arguments]
}

run "a_maintenance_argument_that_follows_from_others" {
  command = plan
  variables {
    maintain_arguments = { "--lake" = "s3://other/lake" }
  }
  expect_failures = [var.maintain_arguments]
}

run "a_subnet_that_is_none" {
  command = plan
  variables {
    subnet_id          = "10.0.0.0/24"
    security_group_ids = ["sg-0123"]
  }
  expect_failures = [var.subnet_id]
}

run "a_subnet_without_security_groups" {
  command = plan
  variables {
    subnet_id = "subnet-0123"
  }
  expect_failures = [var.security_group_ids]
}

run "a_security_group_that_is_none" {
  command = plan
  variables {
    subnet_id          = "subnet-0123"
    security_group_ids = ["default"]
  }
  expect_failures = [var.security_group_ids]
}

run "a_cron_where_a_rate_belongs" {
  command = plan
  variables {
    waker_schedule = "cron(0 * * * ? *)"
  }
  expect_failures = [var.waker_schedule]
}

run "one_minutes" {
  command = plan
  variables {
    waker_schedule = "rate(1 minutes)"
  }
  expect_failures = [var.waker_schedule]
}

run "an_ingest_schedule_of_five_fields" {
  command = plan
  variables {
    ingest_schedule = "cron(0 2 * * *)"
  }
  expect_failures = [var.ingest_schedule]
}

run "an_ingest_schedule_in_words" {
  command = plan
  variables {
    ingest_schedule = "daily"
  }
  expect_failures = [var.ingest_schedule]
}

run "a_sweep_with_both_days" {
  command = plan
  variables {
    sweep_schedule = "cron(0 2 * * * *)"
  }
  expect_failures = [var.sweep_schedule]
}

run "a_sweep_with_neither_day" {
  command = plan
  variables {
    sweep_schedule = "cron(0 2 ? * ? *)"
  }
  expect_failures = [var.sweep_schedule]
}

run "a_rate_where_a_cron_belongs" {
  command = plan
  variables {
    maintenance_schedule = "rate(7 days)"
  }
  expect_failures = [var.maintenance_schedule]
}

run "a_cutoff_below_athenas" {
  command = plan
  variables {
    athena_bytes_cutoff = 1000000
  }
  expect_failures = [var.athena_bytes_cutoff]
}

run "a_reader_with_a_slash" {
  command = plan
  variables {
    readers = ["radiology/research"]
  }
  expect_failures = [var.readers]
}

run "a_reader_twice" {
  command = plan
  variables {
    readers = ["radiology", "radiology"]
  }
  expect_failures = [var.readers]
}

run "a_retention_that_cloudwatch_does_not_know" {
  command = plan
  variables {
    log_retention_days = 100
  }
  expect_failures = [var.log_retention_days]
}

run "a_namespace_of_aws" {
  command = plan
  variables {
    metrics_namespace = "AWS/Lake"
  }
  expect_failures = [var.metrics_namespace]
}

run "a_topic_that_is_none" {
  command = plan
  variables {
    alarm_topic_arn = "alarms"
  }
  expect_failures = [var.alarm_topic_arn]
}

run "an_address_that_is_none" {
  command = plan
  variables {
    alarm_emails = ["data-team"]
  }
  expect_failures = [var.alarm_emails]
}

run "addresses_for_a_given_topic" {
  command = plan
  variables {
    alarm_topic_arn = "arn:aws:sns:eu-central-1:123456789012:alarms"
    alarm_emails    = ["data-team@example.org"]
  }
  expect_failures = [var.alarm_emails]
}

run "hours_that_cloudwatch_cannot_look_back" {
  command = plan
  variables {
    alarm_hours_without_success = 169
  }
  expect_failures = [var.alarm_hours_without_success]
}

run "a_ratio_in_percent" {
  command = plan
  variables {
    alarm_fault_ratio = 5
  }
  expect_failures = [var.alarm_fault_ratio]
}

run "an_age_beyond_retention" {
  command = plan
  variables {
    alarm_queue_age_minutes = 30000
  }
  expect_failures = [var.alarm_queue_age_minutes]
}

run "wheels_that_were_not_built" {
  command = plan
  variables {
    dist_path = "tests/mocks"
  }
  expect_failures = [aws_s3_object.wheelhouse]
}

run "a_waker_that_was_not_built" {
  command = plan
  variables {
    dist_path = "tests/dist_without_waker"
  }
  expect_failures = [aws_lambda_function.waker]
}

run "events_of_another_region" {
  command = plan
  variables {
    source_bucket        = "archive"
    source_bucket_region = "us-east-1"
  }
  expect_failures = [aws_cloudwatch_event_rule.source]
}
