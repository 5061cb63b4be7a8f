"""Tables beside ``instances`` for the writer of data files: statistics, buckets, deletes, columns that have changed."""
