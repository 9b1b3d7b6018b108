"""`edgemesh.http`: programs speak with hosts that they were granted, and with nobody else."""

from __future__ import annotations

import http.server
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from edgemesh.compute.v1 import compute_pb2
from fetcher.servers import send, served
from ground.executor import Executor, Refusal, value

from edgemesh_sandbox.built import Built

SECRET = "correct-horse"
GRANT = ["http:127.0.0.1"]


def answer(request: http.server.BaseHTTPRequestHandler) -> None:
    body = request.rfile.read(int(request.headers.get("Content-Length") or 0))
    kind = request.path[1:].partition("?")[0]
    if kind == "csv":
        send(request, b"a,b\n1,2\n3,4\n", Content_Type="text/csv")
    elif kind == "large":
        send(request, bytes(100_000))
    elif kind == "away":
        send(request, b"", 302, Location="http://169.254.169.254/latest/meta-data")
    elif kind == "secret":
        send(request, str(request.headers["Authorization"] == f"Bearer {SECRET}").encode())
    elif kind == "echo":
        told = {"method": request.command, "path": request.path, "body": body.decode()}
        told |= {"headers": dict(request.headers)}
        send(request, json.dumps(told).encode(), Content_Type="application/json")
    else:
        send(request, b"no such thing", 404)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with served(answer) as url:
        yield url


@pytest.fixture(scope="module")
def executor(
    built: Built, url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Executor]:
    folder = tmp_path_factory.mktemp("http")
    secrets = folder / "secrets.toml"
    secrets.write_text(f'token = "{SECRET}"\n')
    headers = {"Authorization": "Bearer {token}"}
    hosts = {
        url.split("/")[2]: {"internal": True, "headers": headers, "methods": ["GET", "POST"]},
        "elsewhere.test": {},
        "127.0.0.1:1": {"internal": True},  # where nobody is
    }
    with Executor(
        folder, http=json.dumps(hosts), http_secrets=secrets, http_max_bytes=50_000
    ) as running:
        yield running


def run(executor: Executor, code: str, grants: Any = GRANT, **fields: Any) -> Any:
    response = executor.execute("python.run", {"code": code}, capabilities=grants, **fields)
    assert list(response.capabilities) == [*grants]
    return response


def test_requests_and_answers(executor: Executor, url: str) -> None:
    code = f"""
from edgemesh import http
a = http.get("{url}/echo", params={{"q": [1, "ü"]}}, headers={{"X-A": "b"}}).json()
b = http.post("{url}/echo", json={{"n": 1}}).json()
c = http.post("{url}/echo", data={{"k": "v w"}}).json()
d = http.request("get", "{url}/nothing")
output = [a["path"], a["headers"]["X-A"], b["method"], b["body"], b["headers"]["Content-Type"],
          c["body"], d.status, d.ok, d.text, d.headers["CONTENT-LENGTH"]]
"""
    assert value(run(executor, code)) == [
        *("/echo?q=1&q=%C3%BC", "b", "POST", '{"n": 1}', "application/json", "k=v+w"),
        *(404, False, "no such thing", "13"),
    ]


def test_side_by_side(executor: Executor, url: str) -> None:
    code = f"""
import asyncio
from edgemesh import http
async def main():
    answers = await asyncio.gather(*(http.get.aio(f"{url}/echo?{{n}}") for n in range(20)))
    return [int(a.json()["path"].partition("?")[2]) for a in answers]
output = asyncio.run(main())
"""
    assert value(run(executor, code)) == list(range(20))


def test_urllib_and_what_stands_on_it(executor: Executor, url: str) -> None:
    code = f"""
import urllib.request, urllib.error, pandas as pd
with urllib.request.urlopen("{url}/echo", data=b"x=1") as answer:
    read = __import__("json").load(answer)
try:
    urllib.request.urlopen("{url}/nothing")
except urllib.error.HTTPError as e:
    found = [e.code, e.read().decode()]
try:
    urllib.request.urlopen("https://example.org/")
except urllib.error.URLError as e:
    found.append(e.reason.reason)
output = [read["method"], read["body"], answer.status, found, int(pd.read_csv("{url}/csv").b.sum())]
"""
    refused = [404, "no such thing", "NOT_GRANTED"]
    assert value(run(executor, code)) == ["POST", "x=1", 200, refused, 6]


def test_a_secret_goes_out_and_is_nowhere_that_a_program_or_a_neighbour_sees(
    executor: Executor, url: str
) -> None:
    code = f"""
from edgemesh import http
output = [http.get("{url}/secret").text, http.get("{url}/echo").json()["headers"]["Authorization"]]
"""
    assert value(run(executor, code)) == ["True", "Bearer " + "*" * len(SECRET)]
    said = subprocess.run(["ps", "-eww", "-o", "args"], capture_output=True, text=True, check=True)
    assert SECRET not in said.stdout
    assert SECRET not in Path(f"/proc/{executor.process.pid}/environ").read_text()


@pytest.mark.parametrize(
    ("call", "grants", "kind", "said"),
    [
        ("get('URL/echo')", (), "HttpRefused", "NOT_GRANTED: this run was granted no hosts"),
        ("get('URL/echo')", ("http:elsewhere.test",), "HttpRefused", "NOT_GRANTED: 127.0.0.1:"),
        ("get('https://example.org')", GRANT, "HttpRefused", "NOT_GRANTED: example.org:443"),
        ("get('file:///etc/passwd')", GRANT, "HttpRefused", "NOT_GRANTED"),
        ("get('URL/away')", GRANT, "HttpRefused", "NOT_GRANTED: 169.254.169.254:80"),
        ("request('DELETE', 'URL/')", GRANT, "HttpRefused", "REQUEST_REFUSED"),
        ("get('URL', headers={'Host': 'x'})", GRANT, "HttpRefused", "REQUEST_REFUSED"),
        ("get('URL/large')", GRANT, "HttpTooLarge", "PAYLOAD_TOO_LARGE"),
        ("post('URL', data=bytes(60_000))", GRANT, "HttpTooLarge", "PAYLOAD_TOO_LARGE"),
        ("post('URL', data=bytes(17 << 20))", GRANT, "HttpTooLarge", "PAYLOAD_TOO_LARGE"),
        ("get('http://127.0.0.1:1')", GRANT, "HttpUnreachable", "UNREACHABLE"),
        ("get('URL/nothing').raise_for_status()", GRANT, "HttpStatus", "404: Not Found"),
    ],
)
def test_what_goes_wrong_is_raised_by_its_kind(
    executor: Executor, url: str, call: str, grants: Any, kind: str, said: str
) -> None:
    code = f"from edgemesh import http\nhttp.{call.replace('URL', url)}"
    response = run(executor, code, [] if not grants else [*grants])
    assert response.outcome == compute_pb2.OUTCOME_EXCEPTION
    assert response.failure.type == f"edgemesh.http.{kind}"
    assert response.failure.message.startswith(said)


def test_what_an_operator_has_not_listed_cannot_be_asked_for(executor: Executor) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        run(executor, "1", ["http:example.org"])
    told = Refusal(caught.value).fields["capabilities"]
    assert told == "one of http:127.0.0.1, http:elsewhere.test; not 'http:example.org'"


def test_requests_are_calls_by_count_and_time(executor: Executor, url: str) -> None:
    code = f"from edgemesh import http\nwhile True: http.get('{url}/echo')"
    limits = compute_pb2.Limits(calls=3)
    response = run(executor, code, limits=limits)
    assert response.outcome == compute_pb2.OUTCOME_CALL_LIMIT
    for run_time_ms in (300, 333, 366, 400):  # wherever in a request the time ends
        limits = compute_pb2.Limits(run_time_ms=run_time_ms, calls=100_000)
        assert run(executor, code, limits=limits).outcome == compute_pb2.OUTCOME_TIMEOUT


def test_a_session_may_ask_too(executor: Executor, url: str) -> None:
    first = run(executor, f"from edgemesh import http\na = http.get('{url}/csv')", session_id="s")
    assert first.outcome == compute_pb2.OUTCOME_OK, first
    assert value(run(executor, "output = a.text", [], session_id="s")) == "a,b\n1,2\n3,4\n"
    refused = run(executor, f"http.get('{url}/csv')", [], session_id="s")
    assert refused.failure.message.startswith("NOT_GRANTED")


def test_nonsense_at_the_door_harms_nobody(executor: Executor, url: str) -> None:
    code = """
import _host, json, struct
def start(n, asked):
    _host.call(struct.pack('<II', 1, n) + json.dumps({'tensors': [], 'http': asked}).encode())
good = dict(method='GET', url='URL/echo', headers=[], seconds=1)
n = 100
for name in good:
    for wrong in (None, 1, -1, 1e400, 2 ** 70, '', [], [1], [['a']], {}, 'x' * 10 ** 5, '\\ud800'):
        n += 1
        try: start(n, good | {name: wrong})
        except OSError: pass
for wrong in (None, 1, [], {}, 'x'):
    n += 1
    try: start(n, wrong)
    except OSError: pass
from edgemesh import http
output = http.get('URL/echo').status
""".replace("URL", url)
    limits = compute_pb2.Limits(run_time_ms=20_000)
    assert value(run(executor, code, limits=limits)) == 200
