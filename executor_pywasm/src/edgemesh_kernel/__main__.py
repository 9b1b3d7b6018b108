"""`python -m edgemesh_kernel`: what Jupyter starts; `… install`: makes Jupyter know it."""

from __future__ import annotations

import argparse
import sys

from ipykernel.kernelapp import IPKernelApp

from edgemesh_kernel.kernel import SandboxKernel
from edgemesh_kernel.spec import install


def main() -> None:
    """Install, or serve the connection that Jupyter names."""
    if sys.argv[1:2] != ["install"]:
        IPKernelApp.launch_instance(kernel_class=SandboxKernel)
        return
    parser = argparse.ArgumentParser(prog="edgemesh_kernel install")
    parser.add_argument("--prefix", help="below which to install it; default: for this user")
    print(f"installed in {install(parser.parse_args(sys.argv[2:]).prefix)}")


if __name__ == "__main__":
    main()
