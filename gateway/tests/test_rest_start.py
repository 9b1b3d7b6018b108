"""What a gateway does not import that serves no REST and asks for no identity; bad settings."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest
from test_service import refusal, taken

from edgemesh_gateway.settings import GatewaySettings
from mesh_service.settings import SettingsError

__all__ = ["taken"]


async def test_nothing_of_it_is_imported_unless_it_is_asked_for() -> None:
    program = (
        "import sys, edgemesh_gateway.service;"
        "print({'fastapi', 'numpy', 'uvicorn', 'jwt', 'limits', 'cryptography'} & {*sys.modules})"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    assert out == b"set()\n"


async def test_a_port_in_use_is_one_line(taken: int, tmp_path: Path) -> None:
    line = await refusal(REST_PORT=str(taken), DATABASE=f"sqlite:///{tmp_path}/gateway.db")
    assert line == (
        f"gateway: cannot bind 127.0.0.1:{taken} (REST); the port is in use or not permitted"
    )


@pytest.mark.parametrize("origin", ["*", "lab.example", "https://lab.example/page", "null"])
def test_an_origin_is_a_scheme_and_a_host(origin: str) -> None:
    with pytest.raises(SettingsError) as refused:
        GatewaySettings(rest_origins=(origin,)).check()
    assert "EDGEMESH_GATEWAY_REST_ORIGINS" in str(refused.value)
    assert repr(origin) in str(refused.value)
