"""The command itself: options that all commands have, exit codes, and errors as one line.

0    done
EXIT_CODES has them; `COMMANDS.md` is made of it.
"""

from __future__ import annotations

import errno
import os
import sys
from contextlib import suppress
from importlib import metadata
from typing import Annotated, Any, TypedDict, cast

import typer

from edgemesh_client import errors
from edgemesh_client.cli.examples import examples
from edgemesh_client.cli.given import BadInput
from edgemesh_client.cli.output import Output
from edgemesh_client.client import Client

EXIT_CODES = {
    0: "done",
    1: "the work ended otherwise than OK, the answer was no, or what came cannot be written",
    2: "the command line, or the request, is wrong",
    3: "the mesh refused it",
    4: "the mesh was not reached, the time was over, or `doctor` found something",
    130: "interrupted",
}
_UNWRITTEN = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=examples(
        "edgemesh up                              # a mesh on this machine",
        "edgemesh run cpp.fft --input x=@data.npy",
        "edgemesh doctor                          # what is wrong, and what mends it",
    )
    + "\n\nExit codes: 0 done, 1 the work failed, 2 wrong input, 3 refused, 4 not reached.",
)


class Said(TypedDict, total=False):
    """What the command line says of the mesh."""

    address: str | None
    timeout: float
    ca: str | None
    tls: bool | None


class State:
    """What a command has: how to say things, and the mesh."""

    def __init__(self) -> None:
        self.output = Output(as_json="--json" in sys.argv)
        self.said: Said = {}
        self._client: Client | None = None

    @property
    def client(self) -> Client:
        """The client, made when it is first needed."""
        if self._client is None:
            self._client = Client(**self.said)
        return self._client

    def close(self) -> None:
        """End the client."""
        if self._client is not None:
            self._client.close()


STATE = State()


def _version(asked: bool) -> None:
    if asked:
        try:
            own = metadata.version("edgemesh-client")
        except metadata.PackageNotFoundError:
            own = "of a checkout"
        STATE.output.line(f"edgemesh {own}")
        raise typer.Exit


@app.callback()
def options(
    address: Annotated[
        str | None, typer.Option(envvar="EDGEMESH_ADDRESS", help="host:port, or https://host:port")
    ] = None,
    timeout: Annotated[float, typer.Option(help="Seconds that a call may take.")] = 60.0,
    ca: Annotated[
        str | None, typer.Option(envvar="EDGEMESH_CA", help="PEM of the mesh's authorities.")
    ] = None,
    tls: Annotated[
        bool | None, typer.Option("--tls/--no-tls", help="By default as the address says.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="JSON instead of tables.")] = False,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Say it, and end."),
    ] = False,
) -> None:
    """edgemesh from a terminal: run algorithms, Python, models and jobs.

    The key is EDGEMESH_API_KEY, or EDGEMESH_TOKEN.
    """
    STATE.output.as_json = as_json
    STATE.said = {"address": address, "timeout": timeout, "ca": ca, "tls": tls}


def exit_code(error: errors.EdgemeshError) -> int:
    """What a failure ends the command with."""
    if isinstance(error, errors.AlgorithmFailed):
        return 1
    if isinstance(error, (errors.Unavailable, errors.DeadlineExceeded)):
        return 4
    if isinstance(error, errors.MeshError) and not isinstance(error, errors.InvalidRequest):
        return 3
    return 2


def main(words: list[str] | None = None) -> None:
    """Run the command; ends the process."""
    words = list(sys.argv[1:] if words is None else words)
    options = words[: words.index("--")] if "--" in words else words
    if "--json" in options:  # wherever it is written
        own = [word for word in options if word != "--json"]
        words = ["--json", *own, *words[len(options) :]]
    try:
        code = app(words, prog_name="edgemesh", standalone_mode=False)
        sys.stdout.flush()
    except (KeyboardInterrupt, typer.Abort):
        code = 130
    except errors.EdgemeshError as error:
        STATE.output.error(error)
        if isinstance(error, errors.Unavailable) and not STATE.output.as_json:
            STATE.output.note("edgemesh doctor says what is in the way")
        code = exit_code(error)
    except BrokenPipeError:
        code = 0
    except OSError as error:
        if error.filename is None and error.errno in _UNWRITTEN:
            STATE.output.error(BadInput(f"what came of it cannot be written: {error.strerror}"))
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # Python tries once more at its end
        else:
            place = "" if error.filename is None else f"{error.filename}: "
            STATE.output.error(BadInput(f"{place}{error.strerror or error}"))
        code = 1
    except Exception as error:
        said = getattr(error, "format_message", None)
        if said is None:
            raise
        line = said() or "a command is expected"
        if STATE.output.as_json or said():  # else the help has been shown
            STATE.output.error(BadInput(f"{line} (edgemesh --help)"))
        code = 2
    finally:
        with suppress(Exception):
            STATE.close()
    sys.exit(cast(Any, code) if isinstance(code, int) else 0)
