"""Loops of asyncio come from where a program says, and all of them work without sockets."""

from __future__ import annotations

import pytest

from edgemesh_sandbox import Sandbox

WORK = "async def work():\n    await asyncio.sleep(0.001)\n    return 'done'\n"


@pytest.mark.parametrize(
    "run",
    [
        "asyncio.run(work())",
        "asyncio.run(work(), loop_factory=asyncio.EventLoop)",
        "asyncio.SelectorEventLoop().run_until_complete(work())",
        "asyncio.new_event_loop().run_until_complete(work())",
        "asyncio.Runner().run(work())",
    ],
)
def test_every_way_to_a_loop(sandbox: Sandbox, run: str) -> None:
    result = sandbox.run(f"import asyncio\n{WORK}output = {run}")
    assert result.result == "done", result.failure


def test_a_policy_of_the_programs_own_is_asked(sandbox: Sandbox) -> None:
    result = sandbox.run(f"""
import asyncio, warnings
warnings.simplefilter("ignore")
asked = []
class Policy(asyncio.DefaultEventLoopPolicy):
    def new_event_loop(self):
        asked.append(1)
        return super().new_event_loop()
asyncio.set_event_loop_policy(Policy())
{WORK}
output = [asyncio.run(work()), asked]
""")
    assert result.result == ["done", [1]], result.failure
