"""Webhooks: whoever a job names is told of its end, by a signed POST.

Rules: what is owed is a row that was written with the job's end (`store.job_ends`); it is sent from
here until it is answered, by whichever gateway takes it. Where a tenant may have something sent is
its operator's word (`terms`): a host that is listed, at an address that is public, over TLS. The
form is that of Standard Webhooks.

    runner ─► store ─► sender ─► terms: allowed still? signed ─► post ─► verdict ─► store
"""
