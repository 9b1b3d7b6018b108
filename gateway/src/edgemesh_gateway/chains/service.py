"""ChainService: callers hand in jobs that take what others give.

Rules: converts and delegates; a chain is a tenant's own. What is answered to a submission is on
disk, all of it.
"""

from __future__ import annotations

import hashlib
from typing import Any

from edgemesh.compute.v1 import chain_pb2, job_pb2

from edgemesh_gateway import keeping
from edgemesh_gateway.authenticate import Authenticator
from edgemesh_gateway.chains import shape
from edgemesh_gateway.jobs import files as kinds
from edgemesh_gateway.jobs import ids
from edgemesh_gateway.jobs.attempt import error_bytes
from edgemesh_gateway.jobs.figures import Figures
from edgemesh_gateway.jobs.files import Files
from edgemesh_gateway.jobs.hub import Hub
from edgemesh_gateway.jobs.intake import Intake, below
from edgemesh_gateway.jobs.outer import Outer
from edgemesh_gateway.jobs.runner import Runner
from edgemesh_gateway.jobs.service import WRITE
from edgemesh_gateway.jobs.shown import ONGOING, shown
from edgemesh_gateway.store import Full
from edgemesh_gateway.store.chain_records import ChainRecord
from edgemesh_gateway.store.chain_store import ChainStore, Whole
from edgemesh_gateway.store.job_ends import NEVER_MS
from edgemesh_gateway.store.job_records import JobRecord
from mesh_service import errors, stack
from mesh_service.errors import InvalidRequest, Violation
from mesh_service.messages import parse
from mesh_service.stack import Handler, Rpc

SERVICE: str = chain_pb2.DESCRIPTOR.services_by_name["ChainService"].full_name
_SUBMIT = Outer("SubmitChainRequest")


class Chains:
    """The servicer of ChainService."""

    def __init__(
        self,
        authenticator: Authenticator,
        intake: Intake,
        store: ChainStore,
        files: Files,
        hub: Hub,
        runner: Runner,
        figures: Figures,
        most_waiting: int,
    ) -> None:
        self._authenticator, self._intake, self._store = authenticator, intake, store
        self._files, self._hub, self._runner, self._figures = files, hub, runner, figures
        self._most_waiting = most_waiting

    def methods(self) -> dict[str, tuple[str, Handler]]:
        """What a server is given."""
        methods = {
            "SubmitChain": self._submit,
            "GetChain": self._get,
            "WaitChain": self._wait,
            "CancelChain": self._cancel,
            "DeleteChain": self._delete,
        }
        return {name: ("unary", keeping.told(each, OSError)) for name, each in methods.items()}

    async def _submit(self, raw: bytes, rpc: Rpc) -> bytes:
        caller = await self._authenticator.authenticate(rpc, WRITE)
        asked = _SUBMIT.read(raw)
        wrong = list(shape.violations(asked.steps))
        if asked.request_id and not stack.valid_request_id(asked.request_id):
            expected = f"at most {stack.MOST_ID} characters of [A-Za-z0-9._-]"
            wrong.insert(0, Violation("request_id", expected))
        if wrong:
            raise InvalidRequest(wrong)
        now = ids.now_ms()
        chain = ChainRecord(
            id=ids.job_id(now),
            tenant=caller.tenant,
            request_id=asked.request_id or None,
            digest=_digest(asked),
            state=job_pb2.JOB_STATE_RUNNING,
            created_ms=now,
        )
        jobs: list[JobRecord] = []
        for number, step in enumerate(asked.steps):
            with below(f"steps[{number}].job"):
                async with self._intake.taken(step.job, rpc, caller) as job:
                    pass
            job.chain, job.step, job.needs = chain.id, step.name, shape.needs(step)
            job.due_ms = NEVER_MS if job.needs else 0
            jobs.append(job)
        kept, kept_jobs = await self._keep(chain, jobs)
        if kept.digest != chain.digest:
            raise errors.AlreadyExists(asked.request_id)
        self._runner.wake()
        return chain_pb2.SubmitChainResponse(chain=_shown((kept, kept_jobs))).SerializeToString()

    async def _keep(self, chain: ChainRecord, jobs: list[JobRecord]) -> Whole:
        for job in jobs:
            assert job.request is not None
            job.request = await self._files.put(job.id, kinds.REQUEST, job.request)
        try:
            kept = await self._store.submit(chain, jobs)
        except Full:
            await self._files.drop([job.id for job in jobs])
            raise errors.QuotaExceeded("waiting jobs", self._most_waiting) from None
        if kept[0].id != chain.id:
            await self._files.drop([job.id for job in jobs])
        else:
            for _ in jobs:
                self._figures.accepted()
        return kept

    async def _get(self, raw: bytes, rpc: Rpc) -> bytes:
        tenant = (await self._authenticator.authenticate(rpc)).tenant
        asked = parse(chain_pb2.GetChainRequest, raw)
        found = _there(await self._store.get(tenant, asked.id), asked.id)
        return chain_pb2.GetChainResponse(chain=_shown(found)).SerializeToString()

    async def _wait(self, raw: bytes, rpc: Rpc) -> bytes:
        tenant = (await self._authenticator.authenticate(rpc)).tenant
        asked = parse(chain_pb2.WaitChainRequest, raw)
        until = ids.now_ms() + asked.timeout_ms if asked.timeout_ms else None
        with self._hub.watch(asked.id) as watch:
            while True:
                found = _there(await self._store.get(tenant, asked.id), asked.id)
                over = until is not None and ids.now_ms() >= until
                if found[0].ended_ms or over or self._hub.stopping:
                    return chain_pb2.WaitChainResponse(chain=_shown(found)).SerializeToString()
                await watch.news()

    async def _cancel(self, raw: bytes, rpc: Rpc) -> bytes:
        tenant = (await self._authenticator.authenticate(rpc, WRITE)).tenant
        asked = parse(chain_pb2.CancelChainRequest, raw)
        error = error_bytes(errors.Cancelled())
        found = await self._store.cancel(tenant, asked.id, ids.now_ms(), error)
        for job in _there(found, asked.id)[1]:
            self._runner.cancel(job.id)
            self._hub.notify(job.id)
        self._hub.notify(asked.id)
        self._hub.followed()
        whole = _there(found, asked.id)
        return chain_pb2.CancelChainResponse(chain=_shown(whole)).SerializeToString()

    async def _delete(self, raw: bytes, rpc: Rpc) -> bytes:
        tenant = (await self._authenticator.authenticate(rpc, WRITE)).tenant
        asked = parse(chain_pb2.DeleteChainRequest, raw)
        _, jobs = _there(await self._store.delete(tenant, asked.id), asked.id)
        for job in jobs:
            if job.state in ONGOING:
                name = job_pb2.JobState.Name(job_pb2.JobState.ValueType(job.state))
                raise errors.JobNotDone(job.id, name.removeprefix("JOB_STATE_"))
        await self._files.drop([job.id for job in jobs])
        return chain_pb2.DeleteChainResponse().SerializeToString()


def _shown(whole: Whole) -> chain_pb2.Chain:
    chain, jobs = whole
    return chain_pb2.Chain(
        id=chain.id,
        request_id=chain.request_id or "",
        created_ms=chain.created_ms,
        ended_ms=chain.ended_ms,
        state=job_pb2.JobState.ValueType(chain.state),
        steps=[chain_pb2.StepJob(name=job.step, job=shown(job)) for job in jobs],
    )


def _digest(asked: Any) -> str:
    # Of maps the order is not the same each time, unless it is asked for.
    whole = b"".join(step.SerializeToString(deterministic=True) for step in asked.steps)
    return hashlib.sha256(whole).hexdigest()


def _there(found: Whole | None, id: str) -> Whole:
    if found is None:
        raise errors.UnknownChain(id)
    return found
