"""asyncio: timers, tasks and timeouts in one program, and many programs from one event loop."""

import asyncio
import time

from edgemesh_sandbox import AsyncSandbox

PROGRAM = """
import asyncio

async def work(name, seconds):
    await asyncio.sleep(seconds)
    return name

async def main():
    done = await asyncio.gather(*(work(f"task {n}", 0.1) for n in range(50)))
    try:
        async with asyncio.timeout(0.05):
            await work("late", 10)
    except TimeoutError:
        return len(done), "and one was late"

output = asyncio.run(main())
"""


async def main() -> None:
    began = time.monotonic()
    async with AsyncSandbox() as sandbox:
        results = await asyncio.gather(*(sandbox.run(PROGRAM) for _ in range(4)))
    for result in results:
        print(result.result)
    print(f"{time.monotonic() - began:.1f} s")


asyncio.run(main())
