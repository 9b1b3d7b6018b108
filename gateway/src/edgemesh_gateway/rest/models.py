"""What bodies must be, as pydantic models: for reading them, and for OpenAPI.

Rules: an unknown field is refused; values are checked here only so far that a protobuf message can
be made of them, since the gateway and the executors judge the rest; tensors are `arrays`' business.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mesh_service.errors import InvalidRequest, Violation

U64 = Annotated[int, Field(ge=0, le=(1 << 63) - 1)]
U32 = Annotated[int, Field(ge=0, le=(1 << 32) - 1)]
PRIORITIES = ("realtime", "interactive", "batch")
"""In the order of the contract's numbers, from 1."""
TENSOR: dict[str, Any] = {
    "description": "a tensor: a number, a (nested) list of numbers (float64; bool where all are), "
    "or an object with dtype, shape and one of data, base64, npy",
    "anyOf": [
        {"type": "number"},
        {"type": "boolean"},
        {"type": "array", "items": {}},
        {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "dtype": {"type": "string", "examples": ["float32"]},
                "shape": {"type": "array", "items": {"type": "integer", "minimum": 0}},
                "data": {},
                "base64": {"type": "string"},
                "npy": {"type": "string", "description": "an .npy file as base64"},
                "media_type": {"type": "string"},
            },
        },
    ],
}
Model = TypeVar("Model", bound=BaseModel)


class Strict(BaseModel):
    """What takes no unknown field and converts nothing."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Limits(Strict):
    """What the work may use; 0 is the default."""

    run_time_ms: U64 = 0
    cpu_ms: U64 = 0
    memory_bytes: U64 = 0
    output_bytes: U64 = 0
    calls: U32 = 0
    fuel: U64 = 0
    files_bytes: U64 = 0


class Options(Strict):
    """What goes beside an algorithm's own parameters."""

    request_id: str = ""
    priority: Literal["realtime", "interactive", "batch"] = "interactive"
    session_id: str = ""
    limits: Limits = Field(default_factory=Limits)
    capabilities: list[str] = []
    deadline_ms: U64 | None = None
    """How long the caller waits, from the request's arrival."""


class ComputeBody(Options):
    """One piece of work."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"inputs": {"x": [0, 1, 0, -1]}, "parameters": {"norm": "ortho"}},
                {"parameters": {"code": "print(2 + 2)"}, "limits": {"run_time_ms": 1000}},
            ]
        }
    )
    parameters: dict[str, Any] = {}
    inputs: dict[str, Annotated[Any, Field(json_schema_extra=TENSOR)]] = {}


class SocketBody(ComputeBody):
    """One piece of work asked for by a socket."""

    algorithm: str
    tensors: Literal["auto", "json", "base64", "npy"] = "auto"


class NamedBody(BaseModel):
    """An algorithm's parameters and its inputs by name, side by side."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={"examples": [{"x": [0, 1, 0, -1]}, {"code": "print(2 + 2)"}]},
    )
    options: Options = Field(default_factory=Options)
    tensors: dict[str, Annotated[Any, Field(json_schema_extra=TENSOR)]] = {}


class ExecuteBody(Strict):
    """Python to run: `code`; a `function` of it; or a registered algorithm by `name`."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"code": "output = inputs['n'] ** 2", "inputs": {"n": 12}},
                {"code": "def f(a, b): return a + b", "function": "f", "args": [1, 2]},
                {"name": "double", "parameters": {"n": 21}},
            ]
        }
    )
    code: str | None = None
    function: str | None = None
    args: list[Any] | None = None
    kwargs: dict[str, Any] | None = None
    name: str | None = None
    version: str = ""
    parameters: dict[str, Any] | None = None
    inputs: dict[str, Any] | None = None
    stdin: str | None = None
    environment: str | None = None
    deterministic: bool | None = None
    tensors: dict[str, Annotated[Any, Field(json_schema_extra=TENSOR)]] = {}
    options: Options = Field(default_factory=Options)


class RegisterBody(Strict):
    """Code to be registered as `python.<name>`."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"name": "double", "code": "def double(n: int) -> int:\n    return 2 * n"}]
        }
    )
    name: str
    code: str
    version: str = ""
    entry_point: str = ""
    sha256: str = ""
    description: str = ""
    parameters_schema: dict[str, Any] | None = None
    result_schema: dict[str, Any] | None = None
    environment: str = ""
    dependencies: list[str] = []
    shared: bool = False
    limits: Limits = Field(default_factory=Limits)
    setup_run_time_ms: U64 = 0


class DependenciesBody(Strict):
    """Requirements of an environment."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"dependencies": ["toolz==1.*"]}]})
    dependencies: list[str]


class ModelBody(BaseModel):
    """Parameters of `ml.embed` or `ml.generate`, whichever the model is for."""

    model_config = ConfigDict(
        extra="allow", json_schema_extra={"examples": [{"texts": ["a lighthouse"]}]}
    )
    options: Options = Field(default_factory=Options)


class SessionBody(Strict):
    """A session to be."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"session_id": "notebook"}]})
    session_id: str
    executor: str = ""
    deterministic: bool = False


class ForkBody(Strict):
    """A fork of a session."""

    fork_id: str
    executor: str = ""


class ResetBody(Strict):
    """A session is to be empty."""

    executor: str = ""


class UndoBody(Strict):
    """Calls of a session are to be taken back."""

    calls: U32 = 1
    executor: str = ""


class WebhookBody(Strict):
    """Whom to tell of a job's end."""

    url: str


class JobBody(Strict):
    """Work that nobody waits for."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"algorithm": "cpp.fft", "inputs": {"x": [0, 1, 0, -1]}, "request_id": "spectrum"},
                {
                    "algorithm": "python.run",
                    "parameters": {"code": "6 * 7"},
                    "idempotent": True,
                    "webhook": {"url": "https://hooks.example/jobs"},
                },
            ]
        }
    )
    algorithm: str
    parameters: dict[str, Any] = {}
    inputs: dict[str, Annotated[Any, Field(json_schema_extra=TENSOR)]] = {}
    request_id: str = ""
    priority: Literal["realtime", "interactive", "batch"] = "batch"
    session_id: str = ""
    limits: Limits = Field(default_factory=Limits)
    capabilities: list[str] = []
    max_attempts: U32 = 0
    attempt_timeout_ms: U64 = 0
    timeout_ms: U64 = 0
    result_ttl_ms: U64 = 0
    idempotent: bool = False
    webhook: WebhookBody | None = None


class ScheduleBody(Strict):
    """Jobs that are handed in by the clock."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": "nightly",
                    "cron": "0 3 * * MON-FRI",
                    "time_zone": "Europe/Berlin",
                    "missed": "once",
                    "job": {"algorithm": "python.run", "parameters": {"code": "6 * 7"}},
                }
            ]
        }
    )
    id: str
    cron: str
    time_zone: str = "UTC"
    missed: Literal["skip", "once"] = "skip"
    paused: bool = False
    job: JobBody


class OutputOfBody(Strict):
    """An output of another step."""

    step: str
    output: str


class ResultOfBody(Strict):
    """The result of another step, or what a JSON pointer finds in it."""

    step: str
    pointer: str = ""


class StepBody(Strict):
    """A job of a chain."""

    name: str
    job: JobBody
    inputs: dict[str, OutputOfBody] = {}
    parameters: dict[str, ResultOfBody] = {}
    after: list[str] = []


class ChainBody(Strict):
    """Jobs that are handed in together, some of which take what others give."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "request_id": "spectra",
                    "steps": [
                        {
                            "name": "spectrum",
                            "job": {"algorithm": "cpp.fft", "inputs": {"x": [0, 1, 0, -1]}},
                        },
                        {
                            "name": "back",
                            "job": {"algorithm": "cpp.fft", "parameters": {"inverse": True}},
                            "inputs": {"x": {"step": "spectrum", "output": "y"}},
                        },
                    ],
                }
            ]
        }
    )
    request_id: str = ""
    steps: list[StepBody]


class Violated(BaseModel):
    """One field that is not as it must be."""

    field: str
    expected: str


class ProblemBody(BaseModel):
    """RFC 9457 problem details."""

    type: str
    title: str
    status: int
    detail: str
    reason: str
    code: str = ""
    request_id: str = ""
    violations: list[Violated] = []
    quota: list[dict[str, str]] = []
    metadata: dict[str, str] = {}
    retry_after_ms: int | None = None


ALL: tuple[type[BaseModel], ...] = (
    ComputeBody,
    NamedBody,
    ExecuteBody,
    RegisterBody,
    DependenciesBody,
    ModelBody,
    SessionBody,
    ForkBody,
    ResetBody,
    UndoBody,
    JobBody,
    ScheduleBody,
    ChainBody,
    ProblemBody,
)
"""Those that OpenAPI tells of."""


def read(kind: type[Model], fields: dict[str, Any]) -> Model:
    """A body as its model. Raises InvalidRequest with every field that is wrong."""
    try:
        return kind.model_validate(fields)
    except ValidationError as error:
        raise InvalidRequest(
            [Violation(_path(each["loc"]), each["msg"][:256]) for each in error.errors()]
        ) from None


def _path(location: Iterable[int | str]) -> str:
    path = ""
    for step in location:
        path += f"[{step}]" if isinstance(step, int) else f".{step[:128]}"
    return path.lstrip(".") or "request"
