locals {
  lake_arguments = {
    "--lake"         = local.lake
    "--catalog"      = "glue"
    "--database"     = var.database
    "--aws-region"   = local.region
    "--kms-key"      = local.kms_key_arn
    "--log-format"   = "json"
    "--private-keys" = tostring(var.private_keys)
  }

  # https://docs.aws.amazon.com/glue/latest/dg/aws-glue-programming-etl-glue-arguments.html
  platform_arguments = {
    "--additional-python-modules"       = "s3://${local.artifacts_bucket}/${aws_s3_object.wheelhouse.key}"
    "--python-modules-installer-option" = "--no-index"
    "--datalake-formats"                = "iceberg"
    "--enable-auto-scaling"             = "true"
    "--enable-metrics"                  = "true"
    "--custom-logGroup-prefix"          = local.glue_log_prefix
    "--job-bookmark-option"             = "job-bookmark-disable" # the ledger knows what was ingested
  }

  ingest_arguments = merge(
    {
      "--create-database"   = "false"
      "--metrics-namespace" = var.metrics_namespace
    },
    var.partition_by == null ? {} : { "--partition-by" = var.partition_by },
    var.error_queue_enabled ? { "--error-queue" = aws_sqs_queue.errors[0].url } : {},
    var.ingest_arguments,
  )

  # What a run adds to the job's arguments: where the objects are named. The job itself can't hold one of them, because
  # an argument can be overridden and not taken away.
  sweep_arguments = { "--source" = local.source }
  event_arguments = var.events_enabled ? { "--queue" = aws_sqs_queue.events[0].url } : {}

  job_settings = {
    ingest = {
      description = "DICOM headers of s3://${local.source_bucket}/${var.source_prefix} into the database ${var.database}"
      workers     = var.number_of_workers
      arguments   = local.ingest_arguments
    }
    maintain = {
      description = "Compaction, expiry of snapshots, orphan files of the database ${var.database}"
      workers     = var.upkeep_workers
      arguments   = var.maintain_arguments
    }
    promote = {
      description = "Further attributes as columns of ${var.database}.instances; needs --attributes"
      workers     = var.upkeep_workers
      arguments   = {}
    }
  }
}

resource "aws_glue_job" "this" {
  for_each = local.job_settings

  name                   = local.job_names[each.key]
  description            = each.value.description
  role_arn               = aws_iam_role.job[each.key].arn
  glue_version           = var.glue_version
  worker_type            = var.worker_type
  number_of_workers      = each.value.workers
  timeout                = var.timeout_minutes
  execution_class        = "STANDARD" # FLEX excludes the queue of runs
  connections            = aws_glue_connection.vpc[*].name
  security_configuration = aws_glue_security_configuration.this.name
  tags                   = local.tags

  # A second run waits in Glue's queue, which excludes retries: the next run resumes a failed one anyway.
  max_retries             = 0
  job_run_queuing_enabled = true
  execution_property {
    max_concurrent_runs = 1
  }

  command {
    name            = "glueetl"
    python_version  = "3"
    script_location = "s3://${local.artifacts_bucket}/${aws_s3_object.script[each.key].key}"
  }

  default_arguments = merge(local.lake_arguments, each.value.arguments, local.platform_arguments)

  # A run before these are there would make groups that keep logs for ever, or fail on a permission.
  depends_on = [aws_cloudwatch_log_group.job, aws_iam_role_policy.job, aws_iam_role_policy.glue]
}

resource "aws_glue_security_configuration" "this" {
  name = var.name

  encryption_configuration {
    cloudwatch_encryption {
      cloudwatch_encryption_mode = "SSE-KMS"
      kms_key_arn                = local.kms_key_arn
    }
    job_bookmarks_encryption {
      job_bookmarks_encryption_mode = "CSE-KMS" # none are written; a scanner asks for it all the same
      kms_key_arn                   = local.kms_key_arn
    }
    s3_encryption {
      s3_encryption_mode = "SSE-KMS"
      kms_key_arn        = local.kms_key_arn
    }
  }
}

data "aws_subnet" "jobs" {
  count = local.in_vpc ? 1 : 0

  id = var.subnet_id
}

resource "aws_glue_connection" "vpc" {
  count = local.in_vpc ? 1 : 0

  name            = var.name
  description     = "The private subnet that the jobs of ${var.name} run in"
  connection_type = "NETWORK"
  tags            = local.tags

  physical_connection_requirements {
    availability_zone      = data.aws_subnet.jobs[0].availability_zone
    security_group_id_list = var.security_group_ids
    subnet_id              = var.subnet_id
  }
}
