"""Jobs that tell of themselves, and that are planned."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from queue import Queue
from threading import Thread
from typing import Any

import numpy as np
import pytest

from edgemesh_client import (
    AlreadyExists,
    Client,
    InvalidRequest,
    JobState,
    Missed,
    NotFound,
    OutputOf,
    Plan,
    Step,
    WebhookState,
)


@pytest.fixture
def told() -> Iterator[tuple[str, Queue[Any]]]:
    """A URL of this machine, and what it is told."""
    came: Queue[Any] = Queue()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            came.put((dict(self.headers), json.loads(body)))
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/told", came
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.needs("cpp")
def test_a_webhook_hears_of_the_end(client: Client, told: tuple[str, Queue[Any]]) -> None:
    url, came = told
    job = client.submit("cpp.fft", tensors={"x": [0.0, 1.0, 0.0, -1.0]}, webhook=url)
    headers, content = came.get(timeout=30)
    assert content["data"]["job"] == job.id
    assert headers["webhook-signature"].startswith("v1,")
    assert job.wait(30).state is JobState.SUCCEEDED
    while (webhook := job.refresh().webhook) and webhook.state is WebhookState.PENDING:
        pass  # its answer is on the way to the mesh's disk
    assert webhook is not None
    assert (webhook.state, webhook.tries, webhook.url) == (WebhookState.DELIVERED, 1, url)


@pytest.mark.needs("cpp")
def test_a_webhook_that_is_not_allowed(client: Client) -> None:
    with pytest.raises(InvalidRequest, match="has allowed"):
        client.submit("cpp.fft", x=[0.0], webhook="https://hooks.example/")


@pytest.mark.needs("cpp")
def test_a_schedule_is_made_stopped_and_forgotten(client: Client) -> None:
    plan = Plan("cpp.fft", tensors={"x": [0.0, 1.0]}, idempotent=True)
    made = client.create_schedule("s", "0 3 * * *", plan, time_zone="Asia/Kathmandu")
    assert client.create_schedule("s", "0 3 * * *", plan, time_zone="Asia/Kathmandu") == made
    assert (made.algorithm, made.missed, made.fired) == ("cpp.fft", Missed.SKIP, 0)
    assert made.next is not None
    assert (made.next.hour, made.next.minute) == (21, 15)
    with pytest.raises(AlreadyExists):
        client.create_schedule("s", "0 4 * * *", plan)
    with pytest.raises(InvalidRequest, match="cron"):
        client.create_schedule("other", "nightly", plan)
    assert client.pause_schedule("s").next is None
    assert client.resume_schedule("s").next == made.next
    assert [each.id for each in client.schedules()] == ["s"]
    client.delete_schedule("s")
    with pytest.raises(NotFound):
        client.schedule("s")


@pytest.mark.needs("cpp")
def test_a_chain_keeps_its_data_in_the_mesh(client: Client) -> None:
    first = Step("there", Plan("cpp.fft", tensors={"x": [0.0, 1.0, 0.0, -1.0]}))
    spectrum = client.compute("cpp.fft", tensors={"x": [0.0, 1.0, 0.0, -1.0]})
    (output,) = spectrum.outputs
    again = Step("again", Plan("cpp.fft"), inputs={"x": OutputOf("there", output)})
    made = client.submit_chain([again, first])
    assert client.wait_chain(made.id, 30).state is JobState.SUCCEEDED
    jobs = client.chain(made.id).jobs
    assert set(jobs) == {"there", "again"}
    twice = client.compute("cpp.fft", tensors={"x": spectrum.outputs[output]})
    found = client.job(jobs["again"].id).result(30)
    assert np.array_equal(np.asarray(found[output]), np.asarray(twice[output]))
    assert client.cancel_chain(made.id).state is JobState.SUCCEEDED
    client.delete_chain(made.id)
    with pytest.raises(NotFound):
        client.chain(made.id)
    with pytest.raises(InvalidRequest, match="circle"):
        client.submit_chain([Step("a", Plan("cpp.fft"), after=["a"])])
