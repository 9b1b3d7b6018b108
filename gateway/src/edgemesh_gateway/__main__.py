"""`python -m edgemesh_gateway`: as `edgemesh-gateway`."""

import sys

from edgemesh_gateway.command import main

if __name__ == "__main__":
    sys.exit(main())
