# All defaults: a new source bucket, events, a daily sweep, a weekly maintenance.
#
#   make dist
#   terraform -chdir=terraform/examples/minimal init
#   terraform -chdir=terraform/examples/minimal apply

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
  description = "As in the module: begins the name of everything."
  type        = string
  default     = "dicom-lake"
}

variable "database" {
  description = "As in the module: the Glue database."
  type        = string
  default     = "dicom"
}

variable "deletion_protection" {
  description = "As in the module; false lets terraform destroy delete the lake."
  type        = bool
  default     = true
}

module "dicom_lake" {
  source = "../.."

  name                = var.name
  database            = var.database
  deletion_protection = var.deletion_protection
}

output "dicom_lake" {
  description = "All outputs of the module."
  value       = module.dicom_lake
}
