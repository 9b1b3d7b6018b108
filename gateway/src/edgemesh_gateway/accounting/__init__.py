"""Accounting: what became of requests, what tenants have used, and how a tenant is erased.

Rules: a call pays a few sums and one entry of a dictionary; what is written to the database is
written in batches, by nobody who waits for it. It holds names, sizes and times, never inputs, code,
results or what opens anything. Of what the native data path answers it hears in batches, too.
"""
