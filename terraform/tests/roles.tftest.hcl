# Roles: exact actions on exact ARNs.

mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

variables {
  dist_path = "tests/dist"
}

run "no_job_writes_to_the_source" {
  command = plan

  assert {
    condition = alltrue(flatten([for policy in concat(values(aws_iam_role_policy.job), values(aws_iam_role_policy.glue)) : [
      for statement in jsondecode(policy.policy).Statement : [
        for resource in flatten([statement.Resource]) : !strcontains(resource, "-source") || length(setsubtract(flatten([statement.Action]), ["s3:GetObject", "s3:ListBucket"])) == 0
      ]
    ]]))
    error_message = "A role may do more with the source than list and read."
  }
  assert {
    condition     = alltrue([for job in ["maintain", "promote"] : !strcontains(aws_iam_role_policy.job[job].policy, "-source")])
    error_message = "Maintenance and promotion have no right to the source."
  }
}

run "a_role_that_writes_to_an_encrypted_log_group_can_use_its_key" {
  command = plan

  assert {
    condition = alltrue([
      for policy in concat(values(aws_iam_role_policy.job), values(aws_iam_role_policy.glue), aws_iam_role_policy.waker, aws_iam_role_policy.scheduler) : length([
        for statement in jsondecode(policy.policy).Statement : statement
        if contains(flatten([statement.Action]), "logs:PutLogEvents")
        ]) == length([
        for statement in jsondecode(policy.policy).Statement : statement
        if statement.Resource == aws_kms_key.this[0].arn && try(statement.Condition.StringEquals["kms:ViaService"], "") == "logs.eu-central-1.amazonaws.com" && length(setsubtract(["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"], flatten([statement.Action]))) == 0
      ])
    ])
    error_message = "A role writes to an encrypted log group and can't use its key: no line would arrive."
  }
  assert {
    condition     = length([for policy in concat(values(aws_iam_role_policy.glue), aws_iam_role_policy.waker) : policy if strcontains(policy.policy, "logs:PutLogEvents")]) == 4 && alltrue([for group in concat(values(aws_cloudwatch_log_group.job), aws_cloudwatch_log_group.waker) : group.kms_key_id == aws_kms_key.this[0].arn])
    error_message = "Three jobs and the waker write logs, all of them to encrypted groups."
  }
  assert {
    condition     = [for statement in jsondecode(output.log_reader_statements) : statement.Sid] == ["ReadLogs", "ReadLogsKey"]
    error_message = "A person that reads the logs needs the groups and the key."
  }
}

run "no_wildcard_actions" {
  command = plan

  assert {
    condition = alltrue(flatten([
      for policy in concat(values(aws_iam_role_policy.job), values(aws_iam_role_policy.glue), aws_iam_role_policy.waker, aws_iam_role_policy.scheduler, [aws_iam_policy.reader]) : [
        for statement in jsondecode(policy.policy).Statement : [
          # AWS's own list of what a writer of encrypted logs needs has wildcards: see logs.tf.
          for action in flatten([statement.Action]) : !strcontains(action, "*") || try(statement.Sid, "") == "LogsKey"
        ]
      ]
    ]))
    error_message = "An action has a wildcard."
  }
  assert {
    condition = alltrue(flatten([
      for policy in concat(values(aws_iam_role_policy.job), values(aws_iam_role_policy.glue), aws_iam_role_policy.waker, aws_iam_role_policy.scheduler, [aws_iam_policy.reader]) : [
        for statement in jsondecode(policy.policy).Statement : [
          for action in flatten([statement.Action]) : contains(flatten([statement.Resource]), "*") ? contains(["cloudwatch:PutMetricData"], action) : true
        ]
      ]
    ]))
    error_message = "A statement names every resource though its action knows resources."
  }
}

run "readers_only_read_tables" {
  command = plan

  assert {
    condition     = !can(regex("Delete|Update|Create|lake/\\*|-source|staging", aws_iam_policy.reader.policy))
    error_message = "Readers may do more than query."
  }
}

run "a_boundary_for_every_role" {
  command = plan
  variables {
    permissions_boundary_arn = "arn:aws:iam::123456789012:policy/boundary"
  }

  assert {
    condition     = distinct([for role in concat(values(aws_iam_role.job), aws_iam_role.waker, aws_iam_role.scheduler) : role.permissions_boundary]) == tolist(["arn:aws:iam::123456789012:policy/boundary"])
    error_message = "A role has no boundary."
  }
}

run "lake_formation_is_optional" {
  command = plan

  assert {
    condition     = length(aws_lakeformation_resource.lake) + length(aws_lakeformation_permissions.tables) == 0 && !strcontains(aws_iam_role_policy.job["ingest"].policy, "lakeformation")
    error_message = "Lake Formation is off by default."
  }
}

run "lake_formation_grants" {
  command = plan
  variables {
    lake_formation_enabled = true
  }

  assert {
    condition     = length(aws_lakeformation_permissions.database) == 6 && length(aws_lakeformation_permissions.tables) == 6 && length(aws_lakeformation_permissions.location) == 3
    error_message = "Three roles have grants on two databases."
  }
  assert {
    condition     = strcontains(aws_iam_role_policy.job["ingest"].policy, "lakeformation:GetDataAccess")
    error_message = "A role asks Lake Formation for access."
  }
}
