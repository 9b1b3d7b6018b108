"""What integration.md tells agents' programs to have in their configuration leads to the mesh."""

from __future__ import annotations

import json
import os
import re
import urllib.request

import pytest
from running import Running

from edgemesh_local.layout import Layout

PAGE = Layout.here().root / "docs" / "integration.md"


@pytest.mark.skipif("cpp" not in os.environ.get("EXECUTORS", "cpp"), reason="cpp is not under test")
def test_an_agents_configuration_leads_to_the_tools(running: Running) -> None:
    found = re.search(r'```json\n(\{"mcpServers".*?)```', PAGE.read_text(), re.DOTALL)
    assert found
    server = json.loads(found[1])["mcpServers"]["edgemesh"]
    assert server["type"] == "http"
    # On loopback nobody needs the key, and the one that the page shows is none.
    assert set(server["headers"]) == {"Authorization"}
    asked = urllib.request.Request(
        server["url"].replace(":8080", f":{running.rest}"),
        json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/list"}).encode(),
        {
            "Content-Type": "application/json",
            "Accept": "application/json, text/event-stream",
            "MCP-Protocol-Version": "2025-06-18",
        },
    )
    with urllib.request.urlopen(asked, timeout=60) as answer:
        assert "cpp-fft" in answer.read().decode()
