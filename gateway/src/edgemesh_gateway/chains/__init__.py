"""Chains: jobs that are handed in together, some of which take what others give.

Rules: a step is a job, and runs as one; which may begin is decided where one ends
(`store.job_ends`). What a step takes of others is put into its request when it runs (`giving`), so
that data stays in the mesh, and an attempt that is made again takes it again.
"""
