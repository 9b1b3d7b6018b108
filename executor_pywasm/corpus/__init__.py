"""Tests that others wrote, run inside the sandbox: `make corpus`, or `python -m corpus`.

    cpython     the test modules of the running interpreter's own `test` package
    packages    samples of NumPy's, pandas' and SciPy's tests
    programs    thousands of generated programs, run here and there

Rules: nothing of this is part of the sandbox; it uses the public library alone. Every failure
is explained by a row of `reasons.toml`, or it is a finding and the command fails.
"""
