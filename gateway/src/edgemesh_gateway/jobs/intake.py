"""Takes in a job to be: admitted, its algorithm known, and made a record; nothing is kept here.

Rules: a job is judged as a call of its caller's would be, whoever hands it in: the caller itself,
or the clock in its name.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from edgemesh.compute.v1 import compute_pb2

from edgemesh_gateway.admit import Admission
from edgemesh_gateway.identity.caller import Caller
from edgemesh_gateway.jobs.submission import Submission
from edgemesh_gateway.programs import Programs
from edgemesh_gateway.route import Routes
from edgemesh_gateway.store.job_records import JobRecord
from edgemesh_gateway.webhooks.terms import Terms
from mesh_service import errors, wire
from mesh_service.errors import Violation
from mesh_service.stack import Rpc


class Intake:
    """Makes records of what callers ask for."""

    def __init__(
        self,
        admission: Admission,
        routes: Routes,
        programs: Programs,
        terms: Terms,
        *,
        ttl_s: float,
        longest_ttl_s: float,
    ) -> None:
        self._admission, self._routes, self._programs = admission, routes, programs
        self._terms = terms
        self._ttl_ms, self._longest_ttl_ms = int(ttl_s * 1e3), int(longest_ttl_s * 1e3)

    @asynccontextmanager
    async def taken(self, asked: Any, rpc: Rpc, caller: Caller) -> AsyncGenerator[JobRecord]:
        """A SubmitJobRequest (`outer`) as a record, its work in it; admitted within the block.

        Raises InvalidRequest with all that is wrong beside the work, and a call's refusals.
        """
        given = Submission(
            asked, self._longest_ttl_ms, lambda url: self._terms.wrong(caller.tenant, url)
        )
        batch = compute_pb2.PRIORITY_BATCH
        with self._admission.admit(given.work, rpc, caller, otherwise=batch) as permit:
            if permit.user is not None:
                why = "no shared memory: its owner may be gone when the job runs"
                raise errors.InvalidTensor([Violation("request.inputs", why)])
            idempotent = await self._idempotent(given, permit.algorithm, caller)
            yield given.record(permit, idempotent, self._ttl_ms)

    async def _idempotent(self, given: Submission, algorithm: str, caller: Caller) -> bool:
        """Whether it may run more than once. Raises UnknownAlgorithm."""
        if not self._routes.offers_name(algorithm):
            await self._known(algorithm, caller)
            return bool(given.asked.idempotent)
        if given.asked.idempotent:
            return True
        head, _ = wire.detach(given.work)
        return self._routes.find(algorithm).algorithm.idempotent and not head.session_id

    async def _known(self, algorithm: str, caller: Caller) -> None:
        if await self._programs.find(caller.tenant, algorithm) is None:
            # An executor that has not been seen yet may offer it: then the job waits.
            with contextlib.suppress(errors.NotStarted):
                self._routes.find(algorithm, caller.may_run)


@contextmanager
def below(path: str) -> Generator[None]:
    """What is wrong within with a field is wrong with one below `path`."""
    try:
        yield
    except errors.InvalidRequest as error:
        wrong = [Violation(f"{path}.{each.field}", each.expected) for each in error.violations]
        raise type(error)(wrong) from None
