# Everything in one root: the key, the network, the archive's bucket and the topic are made beside the module, so no plan
# knows their ARNs and ids. The booleans (create_kms_key, create_source_bucket, create_alarm_topic, in_vpc) decide instead.

terraform {
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100, < 7"
    }
  }
}

provider "aws" {
  region = var.region
}

variable "region" {
  description = "Where everything is made."
  type        = string
  default     = "eu-central-1"
}

variable "name" {
  description = "As in the module."
  type        = string
  default     = "radiology-lake"
}

variable "deletion_protection" {
  description = "As in the module; false lets terraform destroy delete the lake."
  type        = bool
  default     = true
}

variable "dist_path" {
  description = "As in the module."
  type        = string
  default     = null
}

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_availability_zones" "available" {
  state = "available"
}

locals {
  account   = data.aws_caller_identity.current.account_id
  partition = data.aws_partition.current.partition
}

# --- The key: its policy has the statements that the module names ----------------------------------------------------

resource "aws_kms_key" "lake" {
  description         = "DICOM Lake and its archive"
  enable_key_rotation = true

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat([{
      Sid       = "Account"
      Effect    = "Allow"
      Principal = { AWS = "arn:${local.partition}:iam::${local.account}:root" }
      Action    = "kms:*"
      Resource  = "*"
    }], jsondecode(module.dicom_lake.kms_key_policy_statements))
  })
}

# --- The network: a subnet without a way to the internet, and endpoints ----------------------------------------------

resource "aws_vpc" "lake" {
  cidr_block           = "10.20.0.0/16"
  enable_dns_hostnames = true
  enable_dns_support   = true
}

resource "aws_subnet" "jobs" {
  vpc_id            = aws_vpc.lake.id
  cidr_block        = "10.20.1.0/24"
  availability_zone = data.aws_availability_zones.available.names[0]
}

resource "aws_route_table" "jobs" {
  vpc_id = aws_vpc.lake.id
}

resource "aws_route_table_association" "jobs" {
  subnet_id      = aws_subnet.jobs.id
  route_table_id = aws_route_table.jobs.id
}

resource "aws_security_group" "jobs" {
  name        = var.name
  description = "The jobs, and the endpoints that they use"
  vpc_id      = aws_vpc.lake.id
}

# https://docs.aws.amazon.com/glue/latest/dg/setup-vpc-for-glue-access.html: the workers of a job reach each other.
resource "aws_vpc_security_group_ingress_rule" "members" {
  description                  = "Workers among themselves, and to the endpoints"
  security_group_id            = aws_security_group.jobs.id
  referenced_security_group_id = aws_security_group.jobs.id
  ip_protocol                  = "tcp"
  from_port                    = 0
  to_port                      = 65535
}

resource "aws_vpc_security_group_egress_rule" "all" {
  description       = "To the workers, the endpoints and S3"
  security_group_id = aws_security_group.jobs.id
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "-1"
}

resource "aws_vpc_endpoint" "s3" {
  vpc_id            = aws_vpc.lake.id
  service_name      = "com.amazonaws.${var.region}.s3"
  vpc_endpoint_type = "Gateway"
  route_table_ids   = [aws_route_table.jobs.id]
}

# Each costs about 7 USD a month and zone.
resource "aws_vpc_endpoint" "interface" {
  for_each = toset(["glue", "kms", "logs", "monitoring", "sqs"])

  vpc_id              = aws_vpc.lake.id
  service_name        = "com.amazonaws.${var.region}.${each.key}"
  vpc_endpoint_type   = "Interface"
  private_dns_enabled = true
  subnet_ids          = [aws_subnet.jobs.id]
  security_group_ids  = [aws_security_group.jobs.id]
}

# --- The archive: its owner turns on EventBridge here ----------------------------------------------------------------

resource "aws_s3_bucket" "archive" {
  bucket_prefix = "${var.name}-archive-"
  force_destroy = !var.deletion_protection
}

resource "aws_s3_bucket_server_side_encryption_configuration" "archive" {
  bucket = aws_s3_bucket.archive.id

  rule {
    bucket_key_enabled = true
    apply_server_side_encryption_by_default {
      sse_algorithm     = "aws:kms"
      kms_master_key_id = aws_kms_key.lake.arn
    }
  }
}

resource "aws_s3_bucket_public_access_block" "archive" {
  bucket = aws_s3_bucket.archive.id

  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_notification" "archive" {
  bucket      = aws_s3_bucket.archive.id
  eventbridge = true
}

# --- The topic that on-call listens to --------------------------------------------------------------------------------

resource "aws_sns_topic" "on_call" {
  name              = "${var.name}-on-call"
  kms_master_key_id = aws_kms_key.lake.arn
}

resource "aws_sns_topic_policy" "on_call" {
  arn = aws_sns_topic.on_call.arn
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "Alarms"
      Effect    = "Allow"
      Principal = { Service = "cloudwatch.amazonaws.com" }
      Action    = "sns:Publish"
      Resource  = aws_sns_topic.on_call.arn
      Condition = { StringEquals = { "aws:SourceAccount" = local.account } }
    }]
  })
}

# --- The lake ---------------------------------------------------------------------------------------------------------

module "dicom_lake" {
  source = "../.."

  name                = var.name
  database            = "radiology"
  deletion_protection = var.deletion_protection
  dist_path           = var.dist_path

  create_kms_key = false
  kms_key_arn    = aws_kms_key.lake.arn

  create_source_bucket = false
  source_bucket        = aws_s3_bucket.archive.bucket
  source_bucket_region = var.region
  source_prefix        = "studies/"
  source_kms_key_arn   = aws_kms_key.lake.arn

  create_alarm_topic = false
  alarm_topic_arn    = aws_sns_topic.on_call.arn

  in_vpc             = true
  subnet_id          = aws_subnet.jobs.id
  security_group_ids = [aws_security_group.jobs.id]
}

output "dicom_lake" {
  description = "All outputs of the module."
  value       = module.dicom_lake
}
