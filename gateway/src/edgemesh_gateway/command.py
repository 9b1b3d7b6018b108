"""`edgemesh-gateway`: run the gateway, or manage what it keeps.

Rules: keys are managed in the database that the gateway's settings name, so that it need not run;
one that runs knows a new key at once, and within a second that one is gone. The secret of a new key
is the one line on stdout.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import pwd
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from edgemesh_gateway import keys, policy
from edgemesh_gateway.service import serve
from edgemesh_gateway.settings import GatewaySettings
from edgemesh_gateway.store import Database, KeyRecord, KeyStore, StoreUnusable
from mesh_service import errors, server
from mesh_service.setups import BadSetup

REFUSED = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says."""
    given = _parser().parse_args(arguments)
    if given.what is None:
        server.run(GatewaySettings, serve)
    try:
        if given.what == "policy":
            found = policy.read_policy(given.file)
            print(f"{given.file}: {len(found.tenants)} tenants")
            return 0
        database = Database(GatewaySettings.load().database_url)
        try:
            asyncio.run(_keys(given, KeyStore(database)))
        finally:
            database.close()
    except (BadSetup, StoreUnusable, policy.BadPolicy, errors.MeshError) as error:
        print(error, file=sys.stderr)
        return REFUSED
    return 0


async def _keys(given: argparse.Namespace, store: KeyStore) -> None:
    match given.do:
        case "create":
            by = f"command line, user {_user()}"
            lifetime_s = round(given.days * 86_400)
            key, secret = await keys.create(
                store, given.tenant, given.scope, given.note, lifetime_s, by=by
            )
            print(_line(key), file=sys.stderr)
            print(secret)
        case "list":
            valid_at = None if given.all else keys.now_ms()
            for key in await store.find(given.tenant, given.prefix, valid_at):
                print(_line(key))
        case _:
            print(_line(await keys.revoke(store, given.prefix)))


def _line(key: KeyRecord) -> str:
    parts = [key.prefix, key.tenant, key.scopes or "(as its tenant)"]
    parts.append(f"created {_day(key.created_ms)} by {key.created_by}")
    parts += [f"expires {_day(key.expires_ms)}"] if key.expires_ms else []
    parts += [f"revoked {_day(key.revoked_ms)}"] if key.revoked_ms else []
    return "\t".join([*parts, *([key.note] if key.note else [])])


def _day(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1e3, UTC).strftime("%Y-%m-%d %H:%M UTC")


def _user() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="edgemesh-gateway",
        description="Without a command: run the gateway. Settings: EDGEMESH_GATEWAY_*.",
    )
    what = parser.add_subparsers(dest="what")
    do = what.add_parser("keys", help="manage API keys").add_subparsers(dest="do", required=True)
    create = do.add_parser("create", help="make a key, and show it once")
    create.add_argument("--tenant", required=True)
    create.add_argument(
        "--scope", action="append", default=[], help="repeated; none: what its tenant may"
    )
    create.add_argument("--note", default="")
    create.add_argument("--days", type=float, default=0, help="until it expires; 0: never")
    listed = do.add_parser("list", help="tell of keys, never what opens anything")
    listed.add_argument("--tenant", default="")
    listed.add_argument("--prefix", default="", help="the first characters of a key")
    listed.add_argument("--all", action="store_true", help="the revoked and expired too")
    revoked = do.add_parser("revoke", help="revoke a key, for good")
    revoked.add_argument("prefix")
    checked = what.add_parser("policy", help="look at a policy file, and say what is wrong with it")
    checked.add_argument("file", type=Path)
    return parser
