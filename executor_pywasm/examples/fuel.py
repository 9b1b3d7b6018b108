"""Fuel ends a program at the same step on every machine, however fast.

Counting takes a second code module: `python -m edgemesh_sandbox.setup --metered`, once.
"""

from edgemesh_sandbox import Limits, Sandbox

ENDLESS = """
steps = 0
try:
    while True:
        steps += 1
        if steps % 10_000 == 0:
            print(steps)
finally:
    print("never printed: nothing of a program runs after its end")
"""

with Sandbox(metered=True) as sandbox:
    used = sandbox.run("output = sum(range(10_000))", limits=Limits(fuel=10**10)).fuel
    print(f"a sum of ten thousand numbers takes {used:,} units")

    first, again = (
        sandbox.run(ENDLESS, limits=Limits(fuel=10**8), deterministic=True) for _ in range(2)
    )
    why = first.failure.message if first.failure else ""
    print(f"{first.outcome.name} after step {first.stdout.split()[-1]}: {why}")
    print("the same again:", first.stdout == again.stdout)
