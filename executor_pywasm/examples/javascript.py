"""JavaScript in the sandbox; `python -m edgemesh_sandbox.languages` makes it at set-up."""

from edgemesh_sandbox import Limits
from edgemesh_sandbox.languages import JavaScript

PROGRAM = """
const total = inputs.prices.reduce((sum, price) => sum + price, 0);
console.log(`${inputs.prices.length} prices`);
await new Promise(done => setTimeout(done, 10));
({ total, mean: total / inputs.prices.length })
"""

with JavaScript() as javascript:
    result = javascript.run(PROGRAM, {"prices": [3, 4, 8]})
    print(result.stdout.strip(), result.result)
    print(javascript.run("null.x").failure)
    print(javascript.run("for (;;) ;", limits=Limits(run_time_ms=100)).outcome.name)
