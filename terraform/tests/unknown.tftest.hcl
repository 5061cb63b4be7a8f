# Values that a plan doesn't know yet: each input that may come from a resource of the same root, and all of them.

# Without override_during = plan: what is computed stays unknown here.
mock_provider "aws" {
  source = "./tests/mocks"
}

run "a_key_of_the_same_root" {
  command = plan
  module {
    source = "./tests/unknown"
  }
  variables {
    unknown = ["key"]
  }
}

run "a_topic_of_the_same_root" {
  command = plan
  module {
    source = "./tests/unknown"
  }
  variables {
    unknown = ["topic"]
  }
}

run "a_source_bucket_of_the_same_root" {
  command = plan
  module {
    source = "./tests/unknown"
  }
  variables {
    unknown = ["source"]
  }
}

run "a_network_of_the_same_root" {
  command = plan
  module {
    source = "./tests/unknown"
  }
  variables {
    unknown = ["network"]
  }
}

run "a_bucket_for_access_logs_of_the_same_root" {
  command = plan
  module {
    source = "./tests/unknown"
  }
  variables {
    unknown = ["logs"]
  }
}

run "everything_of_the_same_root" {
  module {
    source = "./tests/unknown"
  }
  variables {
    unknown = ["key", "logs", "network", "source", "topic"]
  }

  assert {
    condition     = output.job_names == { ingest = "dicom-lake-ingest", maintain = "dicom-lake-maintain", promote = "dicom-lake-promote" }
    error_message = "What a plan didn't know arrives at the apply."
  }
}
