# The workgroup, saved queries, identifying columns.

mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

variables {
  dist_path = "tests/dist"
}

run "a_bounded_workgroup" {
  command = plan
  variables {
    athena_bytes_cutoff = 200000000000
  }

  assert {
    condition     = aws_athena_workgroup.this.configuration[0].enforce_workgroup_configuration && aws_athena_workgroup.this.configuration[0].bytes_scanned_cutoff_per_query == 200000000000 && aws_athena_workgroup.this.configuration[0].engine_version[0].selected_engine_version == "Athena engine version 3"
    error_message = "Queries are bounded, by a setting that they can't change."
  }
}

run "every_file_of_queries_is_a_named_query" {
  command = plan

  assert {
    condition     = join(" ", keys(aws_athena_named_query.this)) == join(" ", sort([for name in fileset("../queries", "*.sql") : trimsuffix(name, ".sql")]))
    error_message = "A file has no named query."
  }
  assert {
    condition     = alltrue([for query in aws_athena_named_query.this : length(query.name) > 0 && length(query.description) > 0 && query.database == "dicom"])
    error_message = "A query has no title or no description."
  }
}

run "identifying_columns" {
  command = plan

  assert {
    condition     = length(setsubtract(["patient_name", "patient_id", "study_instance_uid", "header", "source_uri", "source_member", "invalid_values"], output.identifying_columns.instances)) == 0
    error_message = "An identifying column is missing."
  }
  assert {
    condition     = !contains(output.identifying_columns.instances, "modality")
    error_message = "A modality identifies nobody."
  }
}
