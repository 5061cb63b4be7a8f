# The examples plan as they are.

mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

run "everything_in_one_root" {
  command = plan
  module {
    source = "./examples/composed"
  }
  variables {
    dist_path = "tests/dist"
  }

  assert {
    condition     = [for statement in jsondecode(aws_kms_key.lake.policy).Statement : statement.Sid][0] == "Account" && strcontains(aws_kms_key.lake.policy, "kms:EncryptionContext:aws:logs:arn")
    error_message = "The key's policy has the statements that the module names."
  }
}

run "readers_without_identifying_columns" {
  command = plan
  module {
    source = "./examples/lake_formation"
  }
  variables {
    reader_role_name = "research"
    tables_exist     = true
    dist_path        = "tests/dist"
  }

  assert {
    condition = {
      for table, grant in aws_lakeformation_permissions.columns : table => sort(grant.table_with_columns[0].excluded_column_names)
      } == {
      for table, columns in output.dicom_lake.identifying_columns : table => sort(columns)
    }
    error_message = "A grant shows a column that may identify a person."
  }
  assert {
    condition     = alltrue([for grant in aws_lakeformation_permissions.columns : grant.table_with_columns[0].wildcard && toset(grant.permissions) == toset(["SELECT"])])
    error_message = "All other columns can be read, and no more."
  }
}

run "grants_wait_for_the_tables" {
  command = plan
  module {
    source = "./examples/lake_formation"
  }
  variables {
    reader_role_name = "research"
    dist_path        = "tests/dist"
  }

  assert {
    condition     = length(aws_lakeformation_permissions.columns) == 0
    error_message = "The first apply would fail: the first ingest makes the tables."
  }
}

run "an_existing_bucket_and_a_private_vpc" {
  command = plan
  module {
    source = "./examples/existing_bucket_private_vpc"
  }
  variables {
    region             = "eu-central-1"
    source_bucket      = "archive"
    kms_key_arn        = "arn:aws:kms:eu-central-1:123456789012:key/given"
    subnet_id          = "subnet-0123"
    security_group_ids = ["sg-0123"]
    dist_path          = "tests/dist"
  }

  assert {
    condition     = output.dicom_lake.source == "s3://archive/studies"
    error_message = "The jobs read the existing bucket."
  }
  assert {
    condition     = startswith(output.enable_source_events_command, "aws s3api get-bucket-notification-configuration --bucket archive")
    error_message = "The owner is told how to turn on events."
  }
}
