"""Which document each command prints with `--json`."""

from __future__ import annotations

from edgemesh_client.account_kinds import RequestInfo
from edgemesh_client.cli import shapes
from edgemesh_client.job_kinds import JobInfo
from edgemesh_client.kinds import Algorithm, Key, Model, SessionInfo
from edgemesh_client.plans import ChainInfo, ScheduleInfo

DOCUMENTS: dict[str, type] = {
    "up": shapes.UpShape,
    "status": shapes.StatusShape,
    "algorithms": shapes.Algorithms,
    "algorithms NAME": Algorithm,
    "run": shapes.ResultShape,
    "run --job": JobInfo,
    "bench": shapes.BenchShape,
    "python run": shapes.ResultShape,
    "python repl": shapes.ResultShape,
    "chat": shapes.ResultShape,
    "embed": shapes.Embeddings,
    "jobs list": shapes.Jobs,
    "jobs show": JobInfo,
    "jobs wait": shapes.ResultShape,
    "jobs cancel": JobInfo,
    "schedules create": ScheduleInfo,
    "schedules list": shapes.Schedules,
    "schedules show": ScheduleInfo,
    "schedules pause": ScheduleInfo,
    "schedules resume": ScheduleInfo,
    "schedules delete": shapes.Deleted,
    "chains show": ChainInfo,
    "chains wait": ChainInfo,
    "chains cancel": ChainInfo,
    "chains delete": shapes.Deleted,
    "sessions list": shapes.Sessions,
    "sessions inspect": shapes.Variables,
    "sessions fork": SessionInfo,
    "sessions undo": SessionInfo,
    "sessions reset": SessionInfo,
    "sessions export": shapes.Exported,
    "sessions import": SessionInfo,
    "sessions delete": shapes.Deleted,
    "models ls": shapes.Models,
    "models pull": shapes.ModelFile,
    "models rm": shapes.ModelFile,
    "models load": Model,
    "models unload": Model,
    "keys create": shapes.KeyMade,
    "keys list": shapes.Keys,
    "keys revoke": Key,
    "request": RequestInfo,
    "usage": shapes.UsageShape,
    "erase": shapes.ErasedShape,
    "doctor": shapes.Findings,
}
"""Command, and what it was given where that decides → the document. `python repl` and `chat` print
one a line, for each piece or message."""
FAILED = shapes.Failed
"""Of every command that fails, on stderr; not where a document has told of it (exit codes 1, 4)."""
