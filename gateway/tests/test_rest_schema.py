"""REST against its own OpenAPI document: schemathesis makes requests, good and bad ones."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from fake_executor import FakeExecutor
from house import house

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "unsupported_method",
    "allow_header_conformance",
)
SECONDS = 25
# A deadline of a millisecond passes, and that is what 504 is for.
CONFIG = '[checks]\nnot_a_server_error.expected-statuses = ["2xx", "3xx", "4xx", 504]\n'


async def test_it_keeps_to_its_document(tmp_path: Path) -> None:
    fake = FakeExecutor()
    fake.program_namespaces = ("python",)
    await fake.start()
    config = tmp_path / "schemathesis.toml"
    config.write_text(CONFIG)
    async with house({"fake": fake.port}, rest_port=0) as gate:
        process = await asyncio.create_subprocess_exec(
            str(Path(sys.executable).with_name("schemathesis")),
            f"--config-file={config}",
            "run",
            f"http://{gate.mesh.http_address}/openapi.json",
            f"--checks={','.join(CHECKS)}",
            f"--max-time={SECONDS}",
            "--phases=examples,coverage,fuzzing",
            "--no-color",
            cwd=tmp_path,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await process.communicate()
    await fake.stop()
    text = said.decode(errors="replace")
    assert process.returncode == 0, text[text.find("FAILURES") :][:4000]
