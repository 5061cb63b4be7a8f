# Buckets: encrypted, versioned, private, TLS only. What expires is asked of S3 itself, in the test of an apply.

mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

variables {
  dist_path = "tests/dist"
}

run "three_buckets_by_default" {
  command = plan

  assert {
    condition     = toset(keys(aws_s3_bucket_policy.this)) == toset(["artifacts", "lake", "source"])
    error_message = "Every bucket made here has a policy."
  }
  assert {
    condition = alltrue([for set in [
      keys(aws_s3_bucket_public_access_block.this), keys(aws_s3_bucket_ownership_controls.this), keys(aws_s3_bucket_versioning.this),
      keys(aws_s3_bucket_server_side_encryption_configuration.this), keys(aws_s3_bucket_lifecycle_configuration.this),
    ] : set == keys(aws_s3_bucket_policy.this)])
    error_message = "Every bucket made here has all of its settings."
  }
  assert {
    condition     = alltrue([for policy in aws_s3_bucket_policy.this : jsondecode(policy.policy).Statement[0].Condition.Bool["aws:SecureTransport"] == "false" && jsondecode(policy.policy).Statement[0].Effect == "Deny"])
    error_message = "Requests without TLS are denied."
  }
  assert {
    condition     = alltrue([for block in aws_s3_bucket_public_access_block.this : block.block_public_acls && block.block_public_policy && block.ignore_public_acls && block.restrict_public_buckets])
    error_message = "No bucket can be made public."
  }
  assert {
    condition     = alltrue([for rules in aws_s3_bucket_server_side_encryption_configuration.this : alltrue([for rule in rules.rule : rule.bucket_key_enabled && rule.apply_server_side_encryption_by_default[0].sse_algorithm == "aws:kms"])])
    error_message = "Every bucket is encrypted by the key, and has a bucket key."
  }
  assert {
    condition     = !aws_s3_bucket.lake.force_destroy && !aws_s3_bucket.source[0].force_destroy && terraform_data.protection.input == "on"
    error_message = "The lake and the source survive terraform destroy."
  }
  assert {
    condition     = length(aws_s3_bucket_logging.this) == 0
    error_message = "Access logs are optional."
  }
}

run "an_existing_source_bucket_is_left_alone" {
  command = plan
  variables {
    source_bucket        = "archive"
    source_bucket_region = "eu-central-1"
  }

  assert {
    condition     = length(aws_s3_bucket.source) == 0 && length(aws_s3_bucket_notification.source) == 0 && !contains(keys(aws_s3_bucket_policy.this), "source")
    error_message = "Nothing of an existing bucket is changed, its notifications least of all."
  }
  assert {
    condition     = strcontains(output.enable_source_events_command, "jq '. + {EventBridgeConfiguration: {}}'")
    error_message = "The command merges into what the bucket has."
  }
}

run "protection_off_lets_destroy_delete_objects" {
  command = plan
  variables {
    deletion_protection = false
  }

  assert {
    condition     = aws_s3_bucket.lake.force_destroy && aws_s3_bucket.source[0].force_destroy && terraform_data.protection.input == "off"
    error_message = "What is not protected goes with all that is in it."
  }
}

run "a_second_lock_on_the_buckets_that_hold_data" {
  command = plan

  assert {
    condition = {
      for name, policy in aws_s3_bucket_policy.this : name => [for statement in jsondecode(policy.policy).Statement : statement.Action if statement.Sid == "KeepBucket" && statement.Effect == "Deny" && statement.Principal == "*"]
    } == { artifacts = [], lake = ["s3:DeleteBucket"], source = ["s3:DeleteBucket"] }
    error_message = "A protected bucket can be deleted by hand."
  }
}

run "no_second_lock_without_protection" {
  command = plan
  variables {
    deletion_protection = false
  }

  assert {
    condition     = alltrue([for policy in aws_s3_bucket_policy.this : !strcontains(policy.policy, "s3:DeleteBucket")])
    error_message = "terraform destroy would be denied."
  }
}

run "objects_have_no_tags" {
  command = plan
  variables {
    tags = { for number in range(12) : "company-${number}" => "yes" }
  }

  assert {
    condition     = alltrue([for object in concat(values(aws_s3_object.script), [aws_s3_object.wheelhouse]) : object.tags == null && length(object.override_provider) == 1])
    error_message = "An object has ten tags at most."
  }
}

run "access_logs_of_every_bucket" {
  command = plan
  variables {
    access_log_bucket = "access-logs"
  }

  assert {
    condition     = { for name, logging in aws_s3_bucket_logging.this : name => logging.target_prefix } == { for name, bucket in output.buckets : name => "${bucket}/" }
    error_message = "Each bucket logs under its own name."
  }
}
