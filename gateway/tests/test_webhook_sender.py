"""The sender of webhooks by itself: it ends when it is told to, whatever comes at that moment."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from house import PATIENCE_S, eventually
from prometheus_client import CollectorRegistry
from test_webhook_terms import SECRET, kept

from edgemesh_gateway.jobs.ids import now_ms
from edgemesh_gateway.store import Database, WebhookStore
from edgemesh_gateway.webhooks.hosts import Hosts
from edgemesh_gateway.webhooks.secrets import Secrets
from edgemesh_gateway.webhooks.sender import Sender
from edgemesh_gateway.webhooks.terms import Terms


@pytest.mark.parametrize("turns", range(6))
async def test_a_job_that_ends_as_it_closes_does_not_keep_it(tmp_path: Path, turns: int) -> None:
    """A cancel is not lost between two turns of the loop, in which a wait has ended already."""
    database = Database(f"sqlite:///{tmp_path}/gateway.db")
    store = WebhookStore(database)
    terms = Terms(Hosts([], []), Secrets(kept(tmp_path, f'[secrets]\nlocal = "{SECRET}"\n')))
    sender = Sender(store, terms, CollectorRegistry(), now_ms, first_pause_s=0.05, patience_s=1.0)
    sender.start()
    await eventually(lambda: store.calm.holds)  # so nothing keeps it from waiting again
    sender.wake()
    for _ in range(10):
        await asyncio.sleep(0)
    sender.wake()
    for _ in range(turns):
        await asyncio.sleep(0)
    async with asyncio.timeout(PATIENCE_S):
        await sender.close(1.0)
    database.close()
