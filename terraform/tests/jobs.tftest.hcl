# Jobs: one run at a time, no retries, code by its content.

mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

variables {
  dist_path = "tests/dist"
}

run "three_jobs" {
  command = plan

  assert {
    condition     = output.job_names == { ingest = "dicom-lake-ingest", maintain = "dicom-lake-maintain", promote = "dicom-lake-promote" }
    error_message = "Names begin with var.name."
  }
  assert {
    condition     = alltrue([for job in aws_glue_job.this : job.max_retries == 0 && job.job_run_queuing_enabled && job.execution_property[0].max_concurrent_runs == 1])
    error_message = "One run at a time, the next one waits, and nothing is retried by Glue."
  }
  assert {
    condition     = alltrue([for job in aws_glue_job.this : can(regex("^s3://dicom-lake-123456789012-eu-central-1-artifacts/jobs/[0-9a-f]{16}/dicom-lake-0.0.0.gluewheels.zip$", job.default_arguments["--additional-python-modules"]))])
    error_message = "The wheels' key has their hash, and the ending that Glue wants."
  }
  assert {
    condition     = alltrue([for job in aws_glue_job.this : job.default_arguments["--python-modules-installer-option"] == "--no-index" && job.default_arguments["--datalake-formats"] == "iceberg" && job.default_arguments["--enable-auto-scaling"] == "true"])
    error_message = "Nothing is installed from the internet, Iceberg is Glue's own, workers scale."
  }
  assert {
    condition     = alltrue([for job in aws_glue_job.this : job.default_arguments["--lake"] == output.lake && job.default_arguments["--database"] == "dicom" && job.default_arguments["--catalog"] == "glue"])
    error_message = "All jobs know the same lake."
  }
  assert {
    condition     = aws_glue_job.this["ingest"].default_arguments["--create-database"] == "false"
    error_message = "Terraform owns the databases."
  }
  assert {
    condition     = !contains(keys(aws_glue_job.this["ingest"].default_arguments), "--partition-by")
    error_message = "The lake keeps its partitions: a job that named others would be refused."
  }
  assert {
    condition     = alltrue([for job in aws_glue_job.this : length(setintersection(keys(job.default_arguments), ["--source", "--queue"])) == 0])
    error_message = "Where the objects are named is said by what starts a run: the two exclude each other."
  }
}

run "arguments_of_ones_own" {
  command = plan
  variables {
    ingest_arguments   = { "--include" = "*.dcm,*.zip" }
    maintain_arguments = { "--snapshot-days" = "30" }
    partition_by       = "month"
    private_keys       = false
  }

  assert {
    condition     = aws_glue_job.this["ingest"].default_arguments["--include"] == "*.dcm,*.zip" && aws_glue_job.this["maintain"].default_arguments["--snapshot-days"] == "30"
    error_message = "Further arguments reach their job."
  }
  assert {
    condition     = aws_glue_job.this["ingest"].default_arguments["--partition-by"] == "month" && aws_glue_job.this["promote"].default_arguments["--private-keys"] == "false"
    error_message = "Inputs reach the jobs."
  }
}

run "in_a_private_subnet" {
  command = plan
  variables {
    subnet_id          = "subnet-0123"
    security_group_ids = ["sg-0123", "sg-4567"]
  }

  assert {
    condition     = alltrue([for job in aws_glue_job.this : job.connections == tolist(["dicom-lake"])]) && aws_glue_connection.vpc[0].connection_type == "NETWORK"
    error_message = "All jobs run in the subnet."
  }
  assert {
    condition     = alltrue([for policy in aws_iam_role_policy.glue : contains([for statement in jsondecode(policy.policy).Statement : statement.Sid], "NetworkInterfaces")])
    error_message = "Glue may make network interfaces there."
  }
}

run "in_glues_own_network" {
  command = plan

  assert {
    condition     = length(aws_glue_connection.vpc) == 0 && alltrue([for policy in aws_iam_role_policy.glue : !strcontains(policy.policy, "ec2:")])
    error_message = "Without a subnet nothing of EC2 is allowed."
  }
}
