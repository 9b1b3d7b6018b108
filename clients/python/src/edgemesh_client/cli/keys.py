"""`edgemesh keys`: API keys, for who has the scope admin."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from edgemesh_client.cli import shapes
from edgemesh_client.cli.app import STATE, app
from edgemesh_client.cli.examples import examples
from edgemesh_client.cli.show import many, one
from edgemesh_client.kinds import Key

keys = typer.Typer(help="API keys; needs the scope admin.", no_args_is_help=True)
app.add_typer(keys, name="keys")


def _row(key: Key) -> Sequence[Any]:
    return (key.prefix, key.tenant, key.scopes, key.note, key.created, key.expires, key.revoked)


@keys.command("create", epilog=examples("edgemesh keys create --tenant physics --scope 'cpp.*'"))
def keys_create(
    tenant: Annotated[str, typer.Option(help="Whose it is.")],
    scope: Annotated[list[str] | None, typer.Option(help="cpp.*, python.run, admin, …")] = None,
    note: Annotated[str, typer.Option(help="For whom, or what.")] = "",
    days: Annotated[float, typer.Option(help="0: it does not expire.")] = 0,
) -> None:
    """Make a key: the one line on stdout, which nobody can tell again."""
    key, secret = STATE.client.create_key(tenant, scopes=scope or (), note=note, days=days)
    if STATE.output.as_json:
        STATE.output.json(shapes.KeyMade(key, secret))
        return
    STATE.output.note(f"{key.prefix} of {key.tenant}: keep it, it is not shown again")
    STATE.output.line(secret)


@keys.command("list", epilog=examples("edgemesh keys list --tenant physics"))
def keys_list(
    tenant: Annotated[str, typer.Option(help="Only this one's.")] = "",
    every: Annotated[bool, typer.Option("--all", help="Revoked and expired ones too.")] = False,
) -> None:
    """Keys, newest first."""
    columns = ("prefix", "tenant", "scopes", "note", "made", "expires", "revoked")
    found = STATE.client.keys(tenant=tenant, all=every)
    many(shapes.Keys(tuple(found)), found, columns, _row)


@keys.command("revoke", epilog=examples("edgemesh keys revoke PREFIX"))
def keys_revoke(
    prefix: Annotated[str, typer.Argument(help="The key's beginning, as list shows it.")],
) -> None:
    """Revoke one, for good."""
    one(STATE.client.revoke_key(prefix))
