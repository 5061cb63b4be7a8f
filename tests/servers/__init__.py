"""Servers that tests and benchmarks start on this machine: S3, and a proxy that counts, delays and breaks."""
