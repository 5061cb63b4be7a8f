"""Clients of AWS, tries and waits, and the meaning of errors; independent of sources and of the lake's tables."""
