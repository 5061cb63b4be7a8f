# The module with values that no plan knows, as of resources in the same root that are not made yet.

terraform {
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100, < 7"
    }
  }
}

variable "unknown" {
  description = "Which inputs come from resources: key, topic, source, network, logs."
  type        = set(string)
}

resource "terraform_data" "made_later" {
  for_each = {
    key            = "arn:aws:kms:eu-central-1:123456789012:key/later"
    topic          = "arn:aws:sns:eu-central-1:123456789012:later"
    source         = "archive"
    network        = "subnet-0123"
    security_group = "sg-0123"
    logs           = "access-logs"
  }

  input = each.value
}

locals {
  # Unknown in a plan: a resource that isn't made has no output.
  later = { for name, thing in terraform_data.made_later : name => thing.output }
}

module "dicom_lake" {
  source = "../.."

  dist_path           = "${path.module}/../dist"
  deletion_protection = false

  create_kms_key = contains(var.unknown, "key") ? false : null
  kms_key_arn    = contains(var.unknown, "key") ? local.later["key"] : null

  create_alarm_topic = contains(var.unknown, "topic") ? false : null
  alarm_topic_arn    = contains(var.unknown, "topic") ? local.later["topic"] : null

  create_source_bucket = contains(var.unknown, "source") ? false : null
  source_bucket        = contains(var.unknown, "source") ? local.later["source"] : null
  source_bucket_region = contains(var.unknown, "source") ? "eu-central-1" : null

  in_vpc             = contains(var.unknown, "network") ? true : null
  subnet_id          = contains(var.unknown, "network") ? local.later["network"] : null
  security_group_ids = contains(var.unknown, "network") ? [local.later["security_group"]] : []

  access_logs_enabled = contains(var.unknown, "logs") ? true : null
  access_log_bucket   = contains(var.unknown, "logs") ? local.later["logs"] : null
}

output "job_names" {
  description = "Those of the module."
  value       = module.dicom_lake.job_names
}
