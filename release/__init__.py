"""Products of this repository: the packages for AWS (``make dist``) and the generated pages (``make docs``).

Apart from the package, because it needs platforms and the package index, and no installed module may need either.
"""
