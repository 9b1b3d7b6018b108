"""Sessions in the executor: the front keeps their states, workers have some of them awake.

    vault      records that only this executor's key opens
    file       one session on disk: a description, and what each call has changed
    store      all of them: by tenant and name, with quotas and an end
    keeper     what the front asks: hold one for a call, give its state, keep what has changed
    service    SessionService
    awake      in a worker: those that it has in memory

Rules: a worker has no writable files, and may be killed at any moment; so what a call has changed
goes to the front and into the file before its answer goes out. The front looks into no state.
"""
