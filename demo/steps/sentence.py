"""3: a language model streams a sentence, token by token."""

from __future__ import annotations

from client import Client, Wrong
from edgemesh.compute.v1 import compute_pb2
from row import Row

QUESTION = {
    "role": "user",
    "content": "What is the capital of France? Answer with one short sentence.",
}


def run(client: Client) -> list[Row]:
    """Print the tokens as they come; the response repeats the text as a whole."""
    pieces: list[str] = []

    def show(event: compute_pb2.ComputeEvent) -> None:
        if event.WhichOneof("event") == "token":
            pieces.append(event.token.text)
            print(event.token.text, end="", flush=True)

    print("   ", end="")
    answer = client.stream(
        "ml.generate", {"messages": [QUESTION], "max_tokens": 32, "temperature": 0}, show
    )
    print()
    answer.demand("OK")
    text = str(answer.result["text"])
    if len(pieces) < 2:
        raise Wrong(f"{len(pieces)} token events before the response")
    if "".join(pieces).strip() != text.strip():
        raise Wrong(f"the events say {''.join(pieces)!r}, the response {text!r}")
    if "Paris" not in text:
        raise Wrong(f"{text!r}")
    return [Row("ml.generate", f"{len(pieces)} tokens: {text.strip()}", answer)]
