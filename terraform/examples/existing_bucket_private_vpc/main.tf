# A bucket that is there already, jobs in a private subnet, a given key, a boundary for all roles.
#
# The subnet needs endpoints: s3 (gateway), and glue, sqs, kms, logs, monitoring (interface); each interface costs about
# 7 USD a month and zone. No way to the internet is needed: wheels come from the artifacts bucket.

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
  description = "Region of the bucket, the subnet and the key; everything is made there."
  type        = string
}

variable "source_bucket" {
  description = "The existing bucket with DICOM files."
  type        = string
}

variable "kms_key_arn" {
  description = "The given key."
  type        = string
}

variable "subnet_id" {
  description = "The private subnet."
  type        = string
}

variable "security_group_ids" {
  description = "Security groups of the jobs."
  type        = list(string)
}

variable "permissions_boundary_arn" {
  description = "Policy that bounds every role."
  type        = string
  default     = null
}

variable "alarm_topic_arn" {
  description = "The topic that on-call listens to. Null: one is made."
  type        = string
  default     = null
}

variable "dist_path" {
  description = "As in the module."
  type        = string
  default     = null
}

module "dicom_lake" {
  source = "../.."

  name     = "radiology-lake"
  database = "radiology"

  source_bucket        = var.source_bucket
  source_bucket_region = var.region
  source_prefix        = "studies/"

  kms_key_arn              = var.kms_key_arn
  permissions_boundary_arn = var.permissions_boundary_arn
  alarm_topic_arn          = var.alarm_topic_arn

  subnet_id          = var.subnet_id
  security_group_ids = var.security_group_ids

  worker_type       = "G.1X"
  number_of_workers = 20
  partition_by      = "month"
  ingest_arguments  = { "--exclude" = "*/thumbnails/*" }
  dist_path         = var.dist_path

  tags = { "cost-centre" = "radiology" }
}

output "dicom_lake" {
  description = "All outputs of the module."
  value       = module.dicom_lake
}

output "enable_source_events_command" {
  description = "Run this once: the bucket's notifications are its owner's."
  value       = module.dicom_lake.enable_source_events_command
}
