terraform {
  # 1.9 is the first that lets a validation look at other variables.
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source = "hashicorp/aws"
      # 5.100: job run queuing. The region is read by its id, which version 6 has as well.
      version = ">= 5.100, < 7"
    }
  }
}
