"""Tools: functions of yours that a program may call, waiting for them or side by side."""

import time

from edgemesh_sandbox import Sandbox

PRICES = {"pear": 0.5, "melon": 3.2, "fig": 0.35}


def price(item: str) -> float:
    """A slow look-up; what it raises is raised in the program."""
    time.sleep(0.1)
    return PRICES[item]


PROGRAM = """
import asyncio
from edgemesh import tools

async def main():
    return await asyncio.gather(*(tools.price.aio(item) for item in ("pear", "melon", "fig")))

print("one:", tools.price("fig"))
print("three at once:", asyncio.run(main()))
try:
    tools.price("cake")
except KeyError as error:
    print("no price for", error)
"""

with Sandbox(tools={"price": price}) as sandbox:
    result = sandbox.run(PROGRAM)
    print(result.stdout, f"{result.run_s:.1f} s")
