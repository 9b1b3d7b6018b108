"""`python -m edgemesh_containers`."""

import sys

from edgemesh_containers.cli import main

sys.exit(main())
