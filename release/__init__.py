"""What AWS runs, made from this repository: ``python -m release.make_dist``, or ``make dist``.

Apart from the package, because it knows platforms and the package index, and nothing that is installed may need either.
"""
