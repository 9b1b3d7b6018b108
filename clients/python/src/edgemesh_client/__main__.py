"""`python -m edgemesh_client` is the command `edgemesh`."""

from edgemesh_client.cli import main

main()
