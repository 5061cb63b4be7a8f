# Lake Formation: a role of readers that sees every column but those that may identify a person.
#
# Terraform must run as an administrator of Lake Formation. Three steps, explained in docs/how_to/lake_formation.md:
#
#   terraform apply
#   terraform output -json lake_formation_commands | jq -r '.[]' | sh     # no grants to IAMAllowedPrincipals
#   terraform apply -var tables_exist=true                                # after the first ingest, which makes the tables

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

variable "reader_role_name" {
  description = "The existing role of the people that query."
  type        = string
}

variable "tables_exist" {
  description = "true once the first ingest has made the tables: a grant on a table needs the table."
  type        = bool
  default     = false
}

variable "dist_path" {
  description = "As in the module."
  type        = string
  default     = null
}

data "aws_iam_role" "reader" {
  name = var.reader_role_name
}

module "dicom_lake" {
  source = "../.."

  lake_formation_enabled = true
  readers                = ["research"]
  dist_path              = var.dist_path
}

resource "aws_iam_role_policy_attachment" "reader" {
  role       = var.reader_role_name
  policy_arn = module.dicom_lake.reader_policy_arns["research"]
}

resource "aws_lakeformation_permissions" "database" {
  principal   = data.aws_iam_role.reader.arn
  permissions = ["DESCRIBE"]

  database {
    name = module.dicom_lake.database
  }
}

# All columns but those of identifying_columns, those of later versions included: a new column is visible, so read the
# changelog of a new version before you apply it.
resource "aws_lakeformation_permissions" "columns" {
  for_each = var.tables_exist ? module.dicom_lake.identifying_columns : {}

  principal   = data.aws_iam_role.reader.arn
  permissions = ["SELECT"]

  table_with_columns {
    database_name         = module.dicom_lake.database
    name                  = each.key
    wildcard              = true
    excluded_column_names = each.value
  }
}

output "lake_formation_commands" {
  description = "As in the module."
  value       = module.dicom_lake.lake_formation_commands
}

output "dicom_lake" {
  description = "All outputs of the module."
  value       = module.dicom_lake
}
