"""Builds, starts and tests edgemesh on one machine.

Rules: the standard library only, and uv; every environment and native part is keyed by content, so
that a second run does nothing twice; what is not complete never looks complete. What is specific to
a service stands in its `service.toml`, never here.
"""
