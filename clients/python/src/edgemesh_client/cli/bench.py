"""`edgemesh bench`: a small load, so many calls of one algorithm at once, and what it came to.

Rules: nothing is tried again, so that what is refused is seen. The caller's times have the network
and the queue in them, the run's only the work.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

import numpy as np
import typer

from edgemesh_client.async_client import AsyncClient
from edgemesh_client.cli import given
from edgemesh_client.cli.app import STATE, app
from edgemesh_client.cli.examples import examples
from edgemesh_client.cli.run import Inputs, Name, Params
from edgemesh_client.cli.shapes import BenchShape, Percentiles
from edgemesh_client.errors import MeshError
from edgemesh_client.options import Retries


@dataclass(slots=True)
class Tally:
    """What the calls came to so far."""

    caller_ms: list[float] = field(default_factory=list[float])
    run_ms: list[float] = field(default_factory=list[float])
    errors: Counter[str] = field(default_factory=Counter[str])


@app.command(
    epilog=examples(
        "edgemesh bench cpp.fft --input x=@data.npy --calls 1000 --at-once 16",
        "edgemesh bench python.run --param code='sum(range(1000))'",
    )
)
def bench(
    algorithm: Name,
    param: Params = None,
    inputs: Inputs = None,
    calls: Annotated[int, typer.Option(min=1, help="How many in all.")] = 200,
    at_once: Annotated[int, typer.Option(min=1, help="How many wait for answers at a time.")] = 8,
) -> None:
    """A small load of one algorithm, and how long its calls took; ends with 1 if one failed."""
    parameters, tensors = given.parameters(param or ()), given.inputs(inputs or ())
    tally = Tally()
    with STATE.output.progress() as progress:
        task = progress.add_task(algorithm, total=calls)
        seconds = asyncio.run(
            _load(algorithm, parameters, tensors, calls, at_once, tally,
                  lambda: progress.advance(task))
        )  # fmt: skip
    well = len(tally.caller_ms)
    told = BenchShape(
        algorithm=algorithm,
        calls=calls,
        at_once=at_once,
        failed=calls - well,
        errors=dict(tally.errors.most_common()),
        seconds=seconds,
        per_second=well / seconds,
        caller_ms=_percentiles(tally.caller_ms),
        run_ms=_percentiles(tally.run_ms),
    )
    if STATE.output.as_json:
        STATE.output.json(told)
    else:
        _show(told)
    if told.failed:
        raise typer.Exit(1)


async def _load(
    algorithm: str,
    parameters: Mapping[str, Any],
    tensors: Mapping[str, Any],
    calls: int,
    at_once: int,
    tally: Tally,
    advance: Callable[[], None],
) -> float:
    """Make the calls; the seconds that they took. Raises what the first call, which is not counted
    and finds out whether it can be called at all, was refused for.
    """
    async with AsyncClient(**STATE.said, retries=Retries(attempts=1)) as client:
        await client.compute(algorithm, parameters=parameters, tensors=tensors, check=False)
        left = iter(range(calls))

        async def caller() -> None:
            for _ in left:
                await _call(client, algorithm, parameters, tensors, tally)
                advance()

        began = time.perf_counter()
        async with asyncio.TaskGroup() as callers:
            for _ in range(min(at_once, calls)):
                callers.create_task(caller())
        return time.perf_counter() - began


async def _call(
    client: AsyncClient,
    algorithm: str,
    parameters: Mapping[str, Any],
    tensors: Mapping[str, Any],
    tally: Tally,
) -> None:
    began = time.perf_counter()
    try:
        result = await client.compute(
            algorithm, parameters=parameters, tensors=tensors, check=False
        )
    except MeshError as error:
        tally.errors[error.reason or error.code] += 1
        return
    if result.ok:
        tally.caller_ms.append(1000 * (time.perf_counter() - began))
        tally.run_ms.append(result.usage.run_us / 1000)
    else:
        tally.errors[result.outcome.value] += 1


def _percentiles(times: Sequence[float]) -> Percentiles | None:
    if not times:
        return None
    p50, p90, p99 = (float(each) for each in np.percentile(times, (50, 90, 99)))
    return Percentiles(float(np.mean(times)), p50, p90, p99, max(times))


def _show(told: BenchShape) -> None:
    output = STATE.output
    output.line(
        f"{told.algorithm}: {told.calls} calls, {told.at_once} at once, in {told.seconds:.2f} s: "
        f"{told.per_second:,.1f} a second"
    )
    rows = [
        (name, *(f"{each:.2f}" for each in (its.mean, its.p50, its.p90, its.p99, its.most)))
        for name, its in (("caller", told.caller_ms), ("run", told.run_ms))
        if its is not None
    ]
    if rows:
        output.table(("milliseconds", "mean", "p50", "p90", "p99", "most"), rows)
    if told.failed:
        what = ", ".join(f"{count} {name}" for name, count in told.errors.items())
        output.line(f"{told.failed} failed: {what}", style="red")
