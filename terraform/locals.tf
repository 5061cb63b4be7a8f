data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

locals {
  account   = data.aws_caller_identity.current.account_id
  partition = data.aws_partition.current.partition
  # amazonaws.com, and amazonaws.com.cn in China.
  dns_suffix = data.aws_partition.current.dns_suffix
  # .name is deprecated in version 6 of the provider, .region is unknown in version 5; both have .id.
  region = data.aws_region.current.id
  # Holds the files that the module reads: the repository, or the archive that make dist builds, whose root it is.
  repository = fileexists("${path.module}/glue_jobs/ingest_dicom_headers.py") ? path.module : "${path.module}/.."

  tags = merge({ "dicom-lake" = var.name }, var.tags)

  # Written out, not read from the bucket, so that the databases don't depend on it: see protection.tf.
  lake_bucket      = "${var.name}-${local.account}-${local.region}-lake"
  artifacts_bucket = "${var.name}-${local.account}-${local.region}-artifacts"
  source_bucket    = local.create_source_bucket ? "${var.name}-${local.account}-${local.region}-source" : var.source_bucket

  lake   = "s3://${local.lake_bucket}/lake"
  source = trimsuffix("s3://${local.source_bucket}/${var.source_prefix}", "/")

  # Decided by a boolean that a plan knows, so that a name or an ARN may come from a resource of the same plan.
  create_source_bucket = var.create_source_bucket == null ? var.source_bucket == null : var.create_source_bucket
  in_vpc               = var.in_vpc == null ? var.subnet_id != null : var.in_vpc
  access_logs_enabled  = var.access_logs_enabled == null ? var.access_log_bucket != null : var.access_logs_enabled

  # Every bucket that is made here, and its resource.
  buckets = merge(
    { lake = aws_s3_bucket.lake, artifacts = aws_s3_bucket.artifacts },
    { for bucket in aws_s3_bucket.source : "source" => bucket },
  )

  # Minutes, hours, day of the month, month, day of the week, year; a ? for one of the two days:
  # https://docs.aws.amazon.com/glue/latest/dg/monitor-data-warehouse-schedule.html
  cron = join("", [
    "^cron\\([0-9,/*-]+ [0-9,/*-]+ ",
    "([0-9,/*LW-]+ [0-9A-Z,/*-]+ [?]|[?] [0-9A-Z,/*-]+ [0-9A-Z,/*L#-]+)",
    " [0-9,/*-]+\\)$",
  ])

  staging_database = "${var.database}_staging"
  jobs             = ["ingest", "maintain", "promote"]
  job_names        = { for job in local.jobs : job => "${var.name}-${job}" }
}
