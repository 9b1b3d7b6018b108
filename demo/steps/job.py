"""7: work that nobody waits for: kept on disk, its events read from there, its result too."""

from __future__ import annotations

import uuid

from client import Client, Wrong
from edgemesh.compute.v1 import job_pb2
from row import Row

CODE = """
total = 0
for n in range(1, 6):
    total += n ** 2
    print(n, total)
output = total
"""


def run(client: Client) -> list[Row]:
    """Submit a sum of squares, follow it, and fetch what came of it."""
    printed: list[str] = []
    states: list[int] = []

    def take(event: job_pb2.JobEvent) -> None:
        if event.WhichOneof("event") == "state":
            states.append(event.state)
        else:
            printed.append(event.work.output.text)

    answer = client.job("python.run", {"code": CODE}, f"demo-{uuid.uuid4().hex}", take)
    answer.demand("OK")
    wanted = [
        job_pb2.JOB_STATE_QUEUED,
        job_pb2.JOB_STATE_RUNNING,
        job_pb2.JOB_STATE_SUCCEEDED,
    ]
    if states != wanted:
        raise Wrong(f"its states were {states}")
    if answer.result != 55 or "".join(printed) != answer.response.stdout:
        raise Wrong(f"it gave {answer.result}, and told of {printed}")
    return [Row("a job", f"1² + … + 5² = {answer.result}, followed by its events", answer)]
