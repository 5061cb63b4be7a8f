terraform {
  # 1.9 is the first that lets a validation look at other variables.
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source = "hashicorp/aws"
      # 5.100 is the first with job run queuing, and the one that the tests have run with. Version 6 is accepted, so that a
      # root that has it isn't refused, but untested: the machines of the tests can't install it. The region is read by its
      # id, which both versions have. To test another version: TF_AWS_VERSION='~> 6.0' make test-terraform.
      version = ">= 5.100, < 7"
    }
  }
}
