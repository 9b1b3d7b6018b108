"""Commands that have something computed: run, python run, python repl, chat, embed."""

from __future__ import annotations

import codeop
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from edgemesh_client.cli import given
from edgemesh_client.cli.app import STATE, app
from edgemesh_client.cli.output import shown
from edgemesh_client.errors import AlgorithmFailed, MeshError
from edgemesh_client.events import Text, Token
from edgemesh_client.result import Result
from edgemesh_client.session import Session

python = typer.Typer(help="Python in the sandbox.", no_args_is_help=True)
app.add_typer(python, name="python")


@app.command()
def run(
    algorithm: str,
    param: Annotated[
        list[str] | None, typer.Option("--param", "-p", help="NAME=VALUE or NAME=@FILE")
    ] = None,
    inputs: Annotated[
        list[str] | None, typer.Option("--input", "-i", help="NAME=@FILE.npy, @FILE or numbers")
    ] = None,
    out: Annotated[
        list[str] | None, typer.Option("--out", "-o", help="NAME=@FILE, where the output goes")
    ] = None,
    job: Annotated[bool, typer.Option("--job", help="Submit it as a job; prints its id.")] = False,
    webhook: Annotated[str, typer.Option(help="Of a job: a URL that is told of its end.")] = "",
) -> None:
    """Run an algorithm."""
    parameters, tensors = given.parameters(param or ()), given.inputs(inputs or ())
    places = given.pairs("--out", out or ())
    if job:
        submitted = STATE.client.submit(
            algorithm, webhook=webhook, parameters=parameters, tensors=tensors
        )
        if STATE.output.as_json:
            STATE.output.json(submitted.info)
        else:
            STATE.output.line(submitted.id)
        return
    result = STATE.client.compute(algorithm, parameters=parameters, tensors=tensors, check=False)
    if result.ok:
        _save(result, places)
    if result.ok and places and not STATE.output.as_json:
        STATE.output.write(result.stdout)
    else:
        STATE.output.result(result)
    _check(result)


def _save(result: Result, places: dict[str, str]) -> None:
    for name, place in places.items():
        if name not in result.outputs:
            there = ", ".join(result.outputs) or "none"
            raise given.BadInput(f"--out {name!r}: there is no such output, but {there}")
        given.save(place, result.outputs[name])


def _check(result: Result) -> None:
    """End with 1 where it failed; the failure is in the JSON already."""
    if not result.ok and STATE.output.as_json:
        raise typer.Exit(1)
    result.check()


@python.command("run")
def python_run(
    file: Annotated[str, typer.Argument(help="The program; - for stdin.")],
    session: Annotated[str, typer.Option(help="A session that it goes on in.")] = "",
) -> None:
    """Run a program in the sandbox; what it prints is shown while it runs."""
    code = given.read(file).decode(errors="replace")
    _check(_streamed("python.run", {"code": code}, session))


def _streamed(algorithm: str, parameters: dict[str, Any], session: str = "") -> Result:
    """The result, after its text was shown while it came."""
    last: Result | None = None
    events = STATE.client.stream(algorithm, parameters=parameters, session=session, check=False)
    for event in events:
        if isinstance(event, Result):
            last = event
        elif isinstance(event, (Text, Token)) and not STATE.output.as_json:
            STATE.output.write(event.text, stderr=isinstance(event, Text) and event.stderr)
    if last is None:
        raise AssertionError("the last event is the result")
    if algorithm.startswith("python.") or STATE.output.as_json:
        STATE.output.result(last, printed=True)
    return last


@python.command("repl")
def repl(
    session: Annotated[str, typer.Option(help="A session's name; it stays afterwards.")] = "",
) -> None:
    """Python in a session: %vars, %undo, %reset; ends with Ctrl-D."""
    with STATE.client.session(session or None) as going:
        while (code := _piece()) is not None:
            try:
                _answer(going, code)
            except (AlgorithmFailed, MeshError) as error:
                STATE.output.error(error)


def _answer(session: Session, code: str) -> None:
    command = code.strip()
    if command == "%vars":
        rows = [(each.name, each.type, each.size_bytes) for each in session.inspect()]
        STATE.output.table(("name", "type", "bytes"), rows)
    elif command == "%undo":
        session.undo()
    elif command == "%reset":
        session.reset()
    elif command:
        for event in session.stream(code):
            if isinstance(event, Text):
                STATE.output.write(event.text, stderr=event.stderr)
            elif isinstance(event, Result) and event.value is not None:
                STATE.output.line(shown(event.value))


def _piece() -> str | None:
    """The next complete piece of code; None at the end."""
    tty = sys.stdin.isatty()
    lines: list[str] = []
    while True:
        try:
            lines.append(input(("... " if lines else ">>> ") if tty else ""))
        except EOFError:
            return "\n".join(lines) if lines else None
        if _complete("\n".join(lines)):
            return "\n".join(lines)


def _complete(code: str) -> bool:
    if code.startswith("%"):
        return True
    try:
        return codeop.compile_command(code, symbol="single") is not None
    except (SyntaxError, ValueError, OverflowError):
        return True  # the sandbox says what is wrong


@app.command()
def chat(
    message: Annotated[str | None, typer.Argument(help="Without one: a conversation.")] = None,
    model: Annotated[str, typer.Option(help="A model's name.")] = "",
    most: Annotated[int, typer.Option("--max-tokens")] = 256,
) -> None:
    """Talk to a model; tokens are shown as they come."""
    messages: list[dict[str, str]] = []
    while True:
        try:
            said = message or input("> " if sys.stdin.isatty() else "")
        except EOFError:
            return
        messages.append({"role": "user", "content": said})
        parameters = {"messages": messages, "max_tokens": most}
        result = _streamed("ml.chat", parameters | ({"model": model} if model else {}))
        _check(result)
        if not STATE.output.as_json:
            STATE.output.write("\n")
        if message:
            return
        messages.append(result.value["choices"][0]["message"])


@app.command()
def embed(
    texts: list[str],
    model: Annotated[str, typer.Option(help="A model's name.")] = "",
    out: Annotated[Path | None, typer.Option(help="An .npy file for the vectors.")] = None,
) -> None:
    """The vectors of texts."""
    parameters = {"texts": texts} | ({"model": model} if model else {})
    vectors: Any = STATE.client.compute("ml.embed", parameters=parameters)["embeddings"]
    if out is not None:
        given.save(str(out), vectors)
    elif STATE.output.as_json:
        STATE.output.json({"embeddings": vectors})
    else:
        rows = [(text, " ".join(f"{x:+.4f}" for x in v[:4]) + " …") for text, v in
                zip(texts, vectors, strict=True)]  # fmt: skip
        STATE.output.table(("text", f"vector of {vectors.shape[1]}"), rows)
