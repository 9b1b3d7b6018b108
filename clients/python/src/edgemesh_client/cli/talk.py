"""Commands for models: chat, embed."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from edgemesh_client.cli import completing, given
from edgemesh_client.cli.app import STATE, app
from edgemesh_client.cli.examples import examples
from edgemesh_client.cli.run import check
from edgemesh_client.cli.shapes import Embeddings
from edgemesh_client.cli.streaming import streamed

_Model = Annotated[str, typer.Option(help="A model's name.", autocompletion=completing.models)]


@app.command(epilog=examples('edgemesh chat "Say hello."', "edgemesh chat --system 'Be brief.'"))
def chat(
    message: Annotated[str | None, typer.Argument(help="Without one: a conversation.")] = None,
    model: _Model = "",
    system: Annotated[str, typer.Option(help="What it is told before all else.")] = "",
    most: Annotated[int, typer.Option("--max-tokens", help="Of each answer.")] = 256,
) -> None:
    """Talk to a model; words are shown as they come. Ctrl-D ends a conversation."""
    messages = [{"role": "system", "content": system}] if system else list[dict[str, str]]()
    options = {"max_tokens": most} | ({"model": model} if model else {})
    for said in [message] if message is not None else _typed():
        messages.append({"role": "user", "content": said})
        result = streamed("ml.chat", {"messages": messages} | options)
        if STATE.output.as_json:
            STATE.output.result(result)
        check(result)
        if not STATE.output.as_json:
            STATE.output.write("\n")
        messages.append(result.value["choices"][0]["message"])


def _typed() -> Iterator[str]:
    """What is said, a line each; on a terminal it is asked for."""
    while True:
        try:
            said = input("> " if sys.stdin.isatty() and not STATE.output.as_json else "")
        except EOFError:
            return
        if said.strip():
            yield said


@app.command(epilog=examples('edgemesh embed "a lighthouse" "a harbour" --out vectors.npy'))
def embed(
    texts: Annotated[list[str], typer.Argument(help="Each gets a vector.")],
    model: _Model = "",
    out: Annotated[Path | None, typer.Option(help="An .npy file for the vectors.")] = None,
) -> None:
    """The vectors of texts."""
    parameters = {"texts": texts} | ({"model": model} if model else {})
    with STATE.output.progress() as progress:
        progress.add_task("ml.embed", total=None)
        vectors: Any = STATE.client.compute("ml.embed", parameters=parameters)["embeddings"]
    if out is not None:
        given.save(str(out), vectors)
    if STATE.output.as_json:
        file = str(out) if out is not None else None
        STATE.output.json(Embeddings(None if file else vectors, file))
    elif out is None:
        rows = [(text, " ".join(f"{x:+.4f}" for x in v[:4]) + " …") for text, v in
                zip(texts, vectors, strict=True)]  # fmt: skip
        STATE.output.table(("text", f"vector of {vectors.shape[1]}"), rows)
