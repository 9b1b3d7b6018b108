"""validate: is this request one that a worker may run, and within which limits?

Rules: everything that can be refused is refused here, before any worker sees it, with the field and
what was expected; the gateway has looked at the envelope, but an executor may be called directly.
"""

from __future__ import annotations

import difflib
import json
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, cast

from edgemesh.compute.v1 import algorithm_pb2, compute_pb2
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from mesh_service import errors, tensors, wire
from mesh_service.errors import Violation
from mesh_service.executor import capabilities
from mesh_service.executor.plain import plain_check
from mesh_service.pool import WorkerPool
from mesh_service.settings import ExecutorSettings

MOST_PARAMETERS = 4 << 20
MOST_INPUTS = 1024
MOST_ID = 128
_NOT_ENFORCED = "0: this executor does not enforce it"
MARGIN_S, MARGIN_SHARE = 0.1, 0.2
"""What is kept of the caller's time to answer in: the smaller of both."""


@dataclass(frozen=True, slots=True)
class Valid:
    """A request that may run, and its terms."""

    request: compute_pb2.ComputeRequest
    """Without tensor bytes; algorithm with its version, limits in force."""
    blobs: wire.Blobs
    algorithm: algorithm_pb2.Algorithm
    grace_s: float
    """How long past its run time the worker may answer before it is killed."""
    max_response_bytes: int
    """Largest response, tensors included: the executor's, no request can change it."""
    pool: WorkerPool | None = None
    """Whose workers can run it."""
    digest: str = ""
    """Of the program that it runs; empty: the executor's own."""


class Offer:
    """One algorithm, its compiled schema, and the workers that can run it."""

    def __init__(
        self,
        algorithm: algorithm_pb2.Algorithm,
        pool: WorkerPool | None = None,
        limits: compute_pb2.Limits | None = None,
        digest: str = "",
    ) -> None:
        """`limits`: those of a request that names none. Raises SchemaError, JSONDecodeError."""
        self.algorithm = algorithm
        self.limits = limits
        self.digest = digest
        self.pool = pool
        self.full_name = f"{algorithm.name}@{algorithm.version}"
        schema = json.loads(algorithm.parameters_schema or '{"maxProperties": 0}')
        Draft202012Validator.check_schema(schema)
        self._schema: Any = Draft202012Validator(schema)
        self._plain = plain_check(schema)

    def check(self, request: compute_pb2.ComputeRequest, blobs: wire.Blobs) -> None:
        """Raise InvalidParameter or InvalidTensor with all that is wrong."""
        violations = list(self._parameters(request.parameters))
        if violations:
            raise errors.InvalidParameter(violations)
        violations = tensors.envelope(request, blobs)
        violations = violations or [*self._inputs(request), *self._outputs_to(request)]
        if violations:
            raise errors.InvalidTensor(violations)

    def _parameters(self, text: str) -> Iterable[Violation]:
        # A character is four bytes at most.
        if len(text) > MOST_PARAMETERS // 4 and len(text.encode()) > MOST_PARAMETERS:
            return [Violation("parameters", f"at most {MOST_PARAMETERS} bytes")]
        try:
            value: Any = _DECODER.decode(text or "{}")
            if "\\u" in text:
                json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            return [Violation("parameters", "a JSON object as text; it has a lone surrogate")]
        except (ValueError, RecursionError) as error:
            why = str(error) if isinstance(error, ValueError) else "it is nested too deeply"
            return [Violation("parameters", f"a JSON object as text; {why}")]
        if not isinstance(value, dict):
            return [Violation("parameters", "a JSON object")]
        if self._plain(cast(dict[str, Any], value)):
            return []
        found: Iterable[ValidationError] = self._schema.iter_errors(value)
        return [_violation(error) for _, error in zip(range(32), found, strict=False)]

    def _inputs(self, request: compute_pb2.ComputeRequest) -> Iterable[Violation]:
        specs = {spec.name: spec for spec in self.algorithm.inputs}
        for name, tensor in request.inputs.items():
            spec = specs.get(name)
            if spec is not None:
                yield from tensors.mismatches(f"inputs.{name}", tensor, spec)
            elif not self.algorithm.any_inputs:
                known = ", ".join(sorted(specs)) or "none"
                yield Violation(f"inputs.{name[:128]}", f"no such input; inputs: {known}")
        for name, spec in specs.items():
            if spec.required and name not in request.inputs:
                yield Violation(f"inputs.{name}", "required")

    def _outputs_to(self, request: compute_pb2.ComputeRequest) -> Iterable[Violation]:
        known = {spec.name for spec in self.algorithm.outputs}
        for name in request.outputs_to:
            if name not in known:
                expected = f"no such output; outputs: {', '.join(sorted(known)) or 'none'}"
                yield Violation(f"outputs_to.{name[:128]}", expected)


class Catalog:
    """What the executor offers now. Of the same name, or name and version, the last one counts."""

    def __init__(
        self, algorithms: Iterable[algorithm_pb2.Algorithm], pool: WorkerPool | None = None
    ) -> None:
        """Raises SchemaError, JSONDecodeError for a schema that is none."""
        self.offers: dict[str, Offer] = {}
        for algorithm in algorithms:
            self._add(Offer(algorithm, pool))

    @classmethod
    def of(cls, offers: Iterable[Offer]) -> Catalog:
        """These offers."""
        made = cls(())
        for offer in offers:
            made._add(offer)
        return made

    @classmethod
    def joined(cls, catalogs: Iterable[Catalog]) -> Catalog:
        """All offers of several, one after another."""
        return cls.of(offer for catalog in catalogs for offer in catalog.each())

    def each(self) -> Iterable[Offer]:
        """Every offer once, the default of a name after its other versions."""
        return [offer for name, offer in self.offers.items() if name == offer.full_name]

    def _add(self, offer: Offer) -> None:
        self.offers.pop(offer.full_name, None)  # its place is that of the last
        self.offers[offer.full_name] = offer
        self.offers[offer.algorithm.name] = offer

    def find(self, name: str) -> Offer:
        """Look an algorithm up. Raises UnknownAlgorithm with the nearest names."""
        offer = self.offers.get(name)
        if offer is None:
            raise errors.UnknownAlgorithm(
                name, difflib.get_close_matches(name[:256], self.offers, 3)
            )
        return offer


def validate(
    raw: bytes,
    catalog: Catalog,
    settings: ExecutorSettings,
    deadline: float | None,
    offer: Offer | None = None,
) -> Valid:
    """The whole check of one request. `deadline`: the caller's, on time.monotonic().

    `offer`: what it is for, whatever the catalog has by that name.
    """
    if len(raw) > settings.max_request_bytes:
        raise errors.PayloadTooLarge(len(raw), settings.max_request_bytes)
    request, blobs = wire.detach(raw)
    violations = list(_envelope(request, settings))
    if violations:
        raise errors.InvalidRequest(violations)
    offer = offer or catalog.find(request.algorithm)
    if refused := capabilities.refusal(request, offer.algorithm.capabilities):
        raise errors.InvalidRequest([Violation("capabilities", refused)])
    offer.check(request, blobs)
    request.algorithm = offer.full_name
    if offer.limits is not None:
        for field, value in offer.limits.ListFields():
            if not getattr(request.limits, field.name):
                setattr(request.limits, field.name, value)
    _set_limits(request.limits, offer.algorithm, settings)
    grace = settings.grace_ms / 1e3
    if deadline is not None:
        grace = min(grace, _fit(request.limits, deadline))
    most = settings.max_response_bytes
    return Valid(request, blobs, offer.algorithm, grace, most, offer.pool, offer.digest)


def _envelope(
    request: compute_pb2.ComputeRequest, settings: ExecutorSettings
) -> Iterable[Violation]:
    if not request.algorithm:
        yield Violation("algorithm", "required: <namespace>.<name>, or with @<version>")
    if len(request.inputs) > MOST_INPUTS:
        yield Violation("inputs", f"at most {MOST_INPUTS}, not {len(request.inputs)}")
    if request.session_id and not settings.keeps_sessions:
        yield Violation("session_id", "empty: this executor keeps no sessions")


def _set_limits(
    limits: compute_pb2.Limits,
    algorithm: algorithm_pb2.Algorithm,
    settings: ExecutorSettings,
) -> None:
    enforced = settings.limits()
    for name in (field.name for field in limits.DESCRIPTOR.fields):
        default, largest = enforced.get(name, (0, 0))
        asked: int = getattr(limits, name)
        if asked > largest:
            most = f"at most {largest}, not {asked}" if largest else _NOT_ENFORCED
            raise errors.InvalidRequest([Violation(f"limits.{name}", most)])
        if name == "run_time_ms":
            default = algorithm.default_run_time_ms or default
        setattr(limits, name, min(asked or default, largest))


def _fit(limits: compute_pb2.Limits, deadline: float) -> float:
    """Fit the run time into the caller's; gives the grace, in seconds, that then remains.

    Half of the margin is for the worker to answer or be killed, half for the answer's way.
    """
    left = deadline - time.monotonic()
    margin = min(MARGIN_S, left * MARGIN_SHARE)
    if left - margin < 0.001:
        raise errors.DeadlineExceeded("executor")
    run_time_ms = int((left - margin) * 1e3)
    if run_time_ms >= limits.run_time_ms:
        return left - margin / 2 - limits.run_time_ms / 1e3
    limits.run_time_ms = max(run_time_ms, 1)
    return margin / 2


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


_DECODER = json.JSONDecoder(parse_constant=_no_constant)
"""Made once: `json.loads` makes one for each text that it is told to read in a way of ours."""


def _violation(error: ValidationError) -> Violation:
    path = "parameters" + "".join(
        f"[{part}]" if isinstance(part, int) else f".{part}" for part in error.absolute_path
    )
    return Violation(path, error.message[:400])
