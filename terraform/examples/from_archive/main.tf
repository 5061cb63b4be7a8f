# Without a checkout of the repository and without building: the module and its packages come from one archive, which
# make dist builds. Put it where Terraform finds it (an HTTPS server, or a bucket: s3::https://...), and the SHA-256 of
# dist/SHA256SUMS behind it: then Terraform refuses any other file.
#
#   terraform init
#   terraform apply

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

module "dicom_lake" {
  source = "https://artifacts.example.org/dicom-lake-0.3.0.zip"
}

output "dicom_lake" {
  description = "All outputs of the module."
  value       = module.dicom_lake
}
