"""A program that speaks HTTP with a host of its operator's list, whose token it never sees."""

import http.server
import json
import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import grpc
from edgemesh.compute.v1.compute_pb2 import ComputeRequest
from edgemesh.executor.v1.executor_pb2_grpc import ExecutorServiceStub


class Prices(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        known = self.headers["Authorization"] == "Bearer letmein"
        self.send_response(200 if known else 401)
        self.end_headers()
        self.wfile.write(b'{"pear": 0.5, "melon": 3.2}')


shop = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Prices)
threading.Thread(target=shop.serve_forever, daemon=True).start()
HOST = f"127.0.0.1:{shop.server_port}"
PROGRAM = f"""
from edgemesh import http
print("melon:", http.get("http://{HOST}/prices").raise_for_status().json()["melon"])
http.get("https://example.org/")
"""

with tempfile.NamedTemporaryFile("w", suffix=".toml") as secrets:
    Path(secrets.name).write_text('shop = "letmein"\n')
    told = {"internal": True, "headers": {"Authorization": "Bearer {shop}"}}
    own = {"HTTP": json.dumps({HOST: told}), "HTTP_SECRETS": secrets.name, "WORKERS": "1"}
    env = {f"EDGEMESH_PYWASM_{k}": v for k, v in (own | {"PORT": "0", "METRICS_PORT": "0"}).items()}
    command = [sys.executable, "-m", "edgemesh_executor_pywasm"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=os.environ | env) as executor:
        assert executor.stdout is not None
        channel = grpc.insecure_channel(json.loads(executor.stdout.readline())["address"])
        code = json.dumps({"code": PROGRAM})
        for granted in ["http:127.0.0.1"], []:
            request = ComputeRequest(algorithm="python.run", parameters=code, capabilities=granted)
            answer = ExecutorServiceStub(channel).Execute(request, timeout=60)
            print(granted, answer.stdout, answer.failure.message)
        executor.terminate()
