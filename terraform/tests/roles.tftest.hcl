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
      for policy in concat(values(aws_iam_role_policy.job), values(aws_iam_role_policy.glue), aws_iam_role_policy.waker, aws_iam_role_policy.scheduler, [aws_iam_role_policy.failed_run, aws_iam_policy.reader], values(aws_iam_policy.readers)) : [
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
      for policy in concat(values(aws_iam_role_policy.job), values(aws_iam_role_policy.glue), aws_iam_role_policy.waker, aws_iam_role_policy.scheduler, [aws_iam_role_policy.failed_run, aws_iam_policy.reader], values(aws_iam_policy.readers)) : [
        for statement in jsondecode(policy.policy).Statement : [
          for action in flatten([statement.Action]) : contains(flatten([statement.Resource]), "*") ? contains(["cloudwatch:PutMetricData"], action) || statement.Sid == "Lists" : true
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

run "readers_use_the_console_and_the_drivers" {
  command = plan

  assert {
    condition = length(setsubtract([
      "athena:BatchGetQueryExecution", "athena:GetDataCatalog", "athena:GetDatabase", "athena:GetQueryExecution", "athena:GetQueryResults",
      "athena:GetQueryResultsStream", "athena:GetQueryRuntimeStatistics", "athena:GetTableMetadata", "athena:GetWorkGroup",
      "athena:ListDataCatalogs", "athena:ListDatabases", "athena:ListEngineVersions", "athena:ListTableMetadata",
      "athena:ListWorkGroups", "athena:StartQueryExecution", "athena:StopQueryExecution", "glue:GetDatabases", "glue:GetPartitions",
      "s3:AbortMultipartUpload", "s3:ListBucketMultipartUploads", "s3:ListMultipartUploadParts",
    ], flatten([for statement in jsondecode(aws_iam_policy.reader.policy).Statement : statement.Action]))) == 0
    error_message = "The pages of AWS list an action that readers lack."
  }
  assert {
    condition = [
      for statement in jsondecode(aws_iam_policy.reader.policy).Statement : statement.Sid if contains(flatten([statement.Resource]), "*")
    ] == ["Lists"]
    error_message = "Only lists know no resources."
  }
}

run "a_reader_does_not_see_the_results_of_another" {
  command = plan
  variables {
    readers = ["radiology", "jane.doe"]
  }

  assert {
    condition = {
      for reader, policy in aws_iam_policy.readers : reader => flatten([
        for statement in jsondecode(policy.policy).Statement : statement.Resource if statement.Sid == "Results"
      ])
      } == {
      "jane.doe" = ["arn:aws:s3:::dicom-lake-123456789012-eu-central-1-artifacts/reader-results/jane.doe/*"]
      radiology  = ["arn:aws:s3:::dicom-lake-123456789012-eu-central-1-artifacts/reader-results/radiology/*"]
    }
    error_message = "Each reader has results of their own."
  }
  assert {
    condition     = !strcontains(aws_iam_policy.readers["radiology"].policy, "jane.doe") && !strcontains(aws_iam_policy.readers["radiology"].policy, "athena-results") && !strcontains(aws_iam_policy.reader.policy, "reader-results")
    error_message = "A reader can name the results of another."
  }
  assert {
    condition = alltrue([
      for reader, workgroup in aws_athena_workgroup.reader :
      endswith(workgroup.configuration[0].result_configuration[0].output_location, "-artifacts/reader-results/${reader}/") && workgroup.configuration[0].enforce_workgroup_configuration && workgroup.configuration[0].bytes_scanned_cutoff_per_query == var.athena_bytes_cutoff
    ])
    error_message = "A workgroup writes to another place, or without bounds."
  }
  assert {
    condition     = length(aws_athena_named_query.reader) == 2 * length(aws_athena_named_query.this)
    error_message = "A reader's workgroup lacks saved queries."
  }
}

run "services_assume_roles_for_this_account_alone" {
  command = plan

  assert {
    condition = alltrue([
      for role in concat(values(aws_iam_role.job), aws_iam_role.waker, aws_iam_role.scheduler, [aws_iam_role.failed_run]) :
      jsondecode(role.assume_role_policy).Statement[0].Condition == { StringEqualsIfExists = { "aws:SourceAccount" = "123456789012" } }
    ])
    error_message = "A role can be used for another account, or is refused where a service doesn't send its account."
  }
}

run "a_subnet_that_another_account_shares" {
  command = plan
  variables {
    subnet_id          = "subnet-0123"
    security_group_ids = ["sg-0123"]
  }

  assert {
    condition = alltrue([
      for policy in aws_iam_role_policy.glue : anytrue([
        for statement in jsondecode(policy.policy).Statement :
        try(statement.Sid, "") == "NetworkInterfaces" && contains(flatten([statement.Resource]), "arn:aws:ec2:eu-central-1:*:subnet/subnet-0123") && contains(flatten([statement.Resource]), "arn:aws:ec2:eu-central-1:*:security-group/sg-0123")
      ])
    ])
    error_message = "The owner's account is in the ARN of a shared subnet."
  }
}

run "china" {
  command = plan
  override_data {
    target = data.aws_partition.current
    values = { partition = "aws-cn", dns_suffix = "amazonaws.com.cn" }
  }
  override_data {
    target = data.aws_region.current
    values = { id = "cn-north-1" }
  }
  variables {
    source_bucket        = "archive"
    source_bucket_region = "cn-north-1"
    source_kms_key_arn   = "arn:aws-cn:kms:cn-north-1:123456789012:key/theirs"
    alarm_topic_arn      = "arn:aws-cn:sns:cn-north-1:123456789012:on-call"
    subnet_id            = "subnet-0123"
    security_group_ids   = ["sg-0123"]
  }

  assert {
    condition = alltrue([
      for text in concat(values(aws_iam_role_policy.job)[*].policy, values(aws_iam_role_policy.glue)[*].policy, aws_iam_role_policy.waker[*].policy, aws_iam_role_policy.scheduler[*].policy, [aws_iam_policy.reader.policy, aws_iam_role_policy.failed_run.policy]) : alltrue([
        for match in regexall("(?:s3[.][*]|logs[.]cn-north-1|sns[.]cn-north-1)[.]amazonaws[.]com([^\"]*)\"", text) : match[0] == ".cn"
      ])
    ])
    error_message = "A key is used by way of a service of another partition."
  }
  assert {
    condition     = strcontains(aws_kms_key.this[0].policy, "logs.cn-north-1.amazonaws.com.cn") && strcontains(aws_kms_key.this[0].policy, "arn:aws-cn:logs:")
    error_message = "The logs of China have a principal of their own."
  }
  assert {
    condition     = aws_scheduler_schedule.zero[0].target[0].arn == "arn:aws-cn:scheduler:::aws-sdk:cloudwatch:putMetricData"
    error_message = "A target of another partition."
  }
}

run "govcloud" {
  command = plan
  override_data {
    target = data.aws_partition.current
    values = { partition = "aws-us-gov", dns_suffix = "amazonaws.com" }
  }
  override_data {
    target = data.aws_region.current
    values = { id = "us-gov-west-1" }
  }

  assert {
    condition     = strcontains(aws_kms_key.this[0].policy, "logs.us-gov-west-1.amazonaws.com\"") && strcontains(aws_kms_key.this[0].policy, "arn:aws-us-gov:logs:us-gov-west-1")
    error_message = "GovCloud has the suffix of the other regions, and its own partition."
  }
}

run "a_boundary_for_every_role" {
  command = plan
  variables {
    permissions_boundary_arn = "arn:aws:iam::123456789012:policy/boundary"
  }

  assert {
    condition     = distinct([for role in concat(values(aws_iam_role.job), aws_iam_role.waker, aws_iam_role.scheduler, [aws_iam_role.failed_run]) : role.permissions_boundary]) == tolist(["arn:aws:iam::123456789012:policy/boundary"])
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
    condition     = alltrue([for grant in aws_lakeformation_permissions.database : contains(grant.permissions, "CREATE_TABLE")]) && alltrue([for grant in aws_lakeformation_permissions.location : toset(grant.permissions) == toset(["DATA_LOCATION_ACCESS"])])
    error_message = "A job makes tables below the registered location."
  }
  assert {
    condition     = strcontains(aws_iam_role_policy.job["ingest"].policy, "lakeformation:GetDataAccess")
    error_message = "A role asks Lake Formation for access."
  }
}

run "lake_formation_reads_an_encrypted_location_by_a_role_of_its_own" {
  command = plan
  variables {
    lake_formation_enabled   = true
    permissions_boundary_arn = "arn:aws:iam::123456789012:policy/boundary"
  }

  assert {
    condition     = aws_lakeformation_resource.lake[0].role_arn == aws_iam_role.lake_formation[0].arn && aws_lakeformation_resource.lake[0].use_service_linked_role == null
    error_message = "The service-linked role has no right to the key."
  }
  assert {
    condition = anytrue([
      for statement in jsondecode(aws_iam_role_policy.lake_formation[0].policy).Statement :
      statement.Resource == aws_kms_key.this[0].arn && toset(flatten([statement.Action])) == toset(["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"])
    ])
    error_message = "The role can't read what the key encrypts."
  }
  assert {
    condition     = aws_iam_role.lake_formation[0].permissions_boundary == "arn:aws:iam::123456789012:policy/boundary" && jsondecode(aws_iam_role.lake_formation[0].assume_role_policy).Statement[0].Condition == { StringEqualsIfExists = { "aws:SourceAccount" = "123456789012" } }
    error_message = "A role without the bounds of the others."
  }
}

run "with_lake_formation_readers_have_no_files" {
  command = plan
  variables {
    lake_formation_enabled = true
    readers                = ["research"]
  }

  assert {
    condition     = alltrue([for policy in concat([aws_iam_policy.reader], values(aws_iam_policy.readers)) : !strcontains(policy.policy, "-lake\"") && !strcontains(policy.policy, "-lake/") && strcontains(policy.policy, "lakeformation:GetDataAccess")])
    error_message = "Files of the tables show all columns, whatever Lake Formation grants."
  }
  assert {
    condition = [for command in output.lake_formation_commands : split(" --", command)[0]] == concat(
      [for count in range(2) : "aws glue update-database"], [for count in range(24) : "aws lakeformation revoke-permissions"],
    )
    error_message = "Two databases get no default grants; they and all tables and views lose those that they have."
  }
}
