"""The demo: seven pieces of real work through one running gateway, each result checked.

    python demo/run.py [HOST:PORT]

EDGEMESH_API_KEY is the key, where the gateway demands one.
Ends with status 0 when every result is right, 1 when one is not or the mesh refuses.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable

import grpc
from client import Client, Wrong
from row import Row, table
from steps import agent, fit, hostile, job, search, sentence, spectrum

STEPS: tuple[tuple[str, Callable[[Client], list[Row]]], ...] = (
    ("C++: the spectrum of 309 years of sunspots (FFTW)", spectrum.run),
    ("ML: the answer to a question among twenty sentences (MiniLM)", search.run),
    ("ML: a sentence, as it is being written (SmolLM2)", sentence.run),
    ("Python: a user's fit of the same series, with a picture (sandbox)", fit.run),
    ("Python: hostile code, and who comes after it (sandbox)", hostile.run),
    ("Python: an agent that calls C++ and a model side by side (sandbox)", agent.run),
    ("A job: kept on disk, followed by its events", job.run),
)


def main() -> int:
    """Run the steps and print the table; gives the exit status."""
    parser = argparse.ArgumentParser(description="Seven pieces of work through a running gateway.")
    parser.add_argument("gateway", nargs="?", default="127.0.0.1:50051", metavar="HOST:PORT")
    address: str = parser.parse_args().gateway
    rows: list[Row] = []
    wrong: list[str] = []
    options = [("grpc.max_receive_message_length", -1)]
    with grpc.insecure_channel(address, options) as channel:
        client = Client(channel, os.environ.get("EDGEMESH_API_KEY", ""))
        for number, (title, step) in enumerate(STEPS, 1):
            print(f"{number}. {title}", flush=True)
            try:
                rows += step(client)
            except Wrong as error:
                wrong.append(f"step {number}: {error}")
            except grpc.RpcError as error:
                wrong.append(f"step {number}: {_refusal(error)}")
    print(f"\n{table(rows)}")
    for line in wrong:
        print(f"WRONG {line}", file=sys.stderr)
    return 1 if wrong else 0


def _refusal(error: grpc.RpcError) -> str:
    return f"{error.code().name}: {error.details()}" if isinstance(error, grpc.Call) else str(error)


if __name__ == "__main__":
    sys.exit(main())
