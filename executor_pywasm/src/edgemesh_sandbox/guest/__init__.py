"""What runs inside the guest's own Python, put there when the image is made.

Rules: this package is installed in the guest from source as `_edgemesh`, so it imports nothing
of the host's, and but for `warmup`, `arrays` and `randomness` only the standard library of the
guest (CPython 3.15). It offers the user's program a working Python; it is no wall. The host
trusts no byte of what it answers.
"""
