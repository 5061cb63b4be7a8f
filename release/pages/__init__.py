"""The generated pages of ``docs/reference``: ``make docs`` writes them, and a test fails where one is stale.

Apart from the package, because an installation has no pages.
"""
