"""Many sandboxes by name, each with a memory of its own."""

import asyncio

from edgemesh_sandbox import Limits, SandboxManager


async def main() -> None:
    async with SandboxManager(at_once=2) as manager:
        for name in ("ann", "bob"):
            await manager.create_sandbox(name, limits=Limits(run_time_ms=2000))
            await manager.execute(name, f"who = {name!r}")
        done = await asyncio.gather(
            *(manager.execute(name, b"print('I am', who)") for name in ("ann", "bob"))
        )
        for each in done:
            print(each.success, each.output.strip())
        failed = await manager.execute("ann", b"1 / 0")
        print(failed.success, failed.error.strip().splitlines()[-1])
        await manager.close_all()


asyncio.run(main())
