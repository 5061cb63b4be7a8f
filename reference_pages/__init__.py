"""The generated pages of ``docs/reference``; ``make docs`` prints them into their files.

Apart from the package, because no user of an installed package needs them.
"""
