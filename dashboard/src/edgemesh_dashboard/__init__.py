"""A page to look at a mesh, and to work with it.

Rules: it is a caller like any other. All that it does goes through the gateway's public services,
by `edgemesh_client`, with the key of whoever looks; beside them it reads metrics. It keeps nothing
on disk. The modules of `pages` draw; the others know nothing of a page.
"""
