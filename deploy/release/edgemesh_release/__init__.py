"""Releases: one version everywhere, wheels and source archives, the changelog's section, notices.

Rules: sources say the version that is next; a tag `v<version>` makes it that version, anything else
is a development version of it. Nothing in the checkout is changed by a release: it is built from a
copy of what git has or would take. Standard library and the programs of the build only.
"""
