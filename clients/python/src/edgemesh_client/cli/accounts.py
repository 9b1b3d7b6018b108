"""Commands of accounting: what became of a request, what was used, and erasing a tenant."""

from __future__ import annotations

import csv
import dataclasses
import sys
from typing import Annotated

import typer

from edgemesh_client.account_kinds import UsageOfDay
from edgemesh_client.cli import shapes
from edgemesh_client.cli.app import STATE, app
from edgemesh_client.cli.asking import sure
from edgemesh_client.cli.examples import examples
from edgemesh_client.cli.given import BadInput
from edgemesh_client.cli.show import many, one

_Tenant = Annotated[str, typer.Option(help="Another's; needs the scope admin.")]


@app.command(epilog=examples("edgemesh request ID"))
def request(
    id: Annotated[str, typer.Argument(help="The request_id of a result, or of an error.")],
    tenant: _Tenant = "",
) -> None:
    """What became of a request: how it ended, and where its time went."""
    one(STATE.client.request(id, tenant=tenant))


@app.command(epilog=examples("edgemesh usage --from 2026-01-01 --csv"))
def usage(
    first: Annotated[str, typer.Option("--from", help="First day, as 2026-01-31.")] = "",
    last: Annotated[str, typer.Option("--to", help="Last day; by default today.")] = "",
    algorithm: Annotated[str, typer.Option(help="Only of this one.")] = "",
    tenant: _Tenant = "",
    everyone: Annotated[bool, typer.Option("--all", help="All tenants'; needs admin.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Comma-separated, with a header.")] = False,
) -> None:
    """What was used, by day and algorithm: calls, seconds, bytes, tokens."""
    rows = STATE.client.usage(
        first=first, last=last, algorithm=algorithm, tenant=tenant, all_tenants=everyone
    )
    if as_csv and STATE.output.as_json:
        raise BadInput("--csv and --json: one of both")
    if as_csv:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow([field.name for field in dataclasses.fields(UsageOfDay)])
        writer.writerows([dataclasses.astuple(row) for row in rows])
        return
    columns = ("day", "tenant", "algorithm", "calls", "failed", "seconds")
    columns += ("bytes in", "bytes out", "tokens in", "tokens out")
    many(
        shapes.UsageShape(tuple(rows)),
        rows,
        columns,
        lambda row: (
            *(row.day, row.tenant, row.algorithm, row.calls, row.failed),
            round(row.compute_us / 1e6, 3),
            *(row.request_bytes, row.response_bytes, row.input_tokens, row.output_tokens),
        ),
    )


@app.command(epilog=examples("edgemesh erase physics --dry-run"))
def erase(
    tenant: Annotated[str, typer.Argument(help="Whose traces go.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count only.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Erase all that the mesh keeps of a tenant; needs the scope admin."""
    if not dry_run and not yes:
        sure(f"erase all of tenant {tenant}, for good?")
    told = STATE.client.erase_tenant(tenant, dry_run=dry_run)
    if STATE.output.as_json:
        STATE.output.json(shapes.ErasedShape(tenant, dry_run, told.count, told.left))
    else:
        STATE.output.table(("what", "would go" if dry_run else "gone"), sorted(told.count.items()))
    if told.left:
        STATE.output.note(f"not reached: {', '.join(told.left)}; erase again when it is there")
