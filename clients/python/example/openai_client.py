"""OpenAI's own client on the mesh's models: what there is, an answer as it comes, a nearest text.

pip install openai numpy
python openai_client.py [HOST:PORT of REST]
"""

from __future__ import annotations

import sys

import numpy as np
import openai

TEXTS = ["a lighthouse by the sea", "a recipe for bread", "interest rates rise"]
QUESTION = "What is the capital of France? Answer with one short sentence."


def main(address: str) -> int:
    """Make three requests; gives the exit status."""
    # Where the gateway asks for identity, the key is one of its own or a token.
    with openai.OpenAI(base_url=f"http://{address}/v1", api_key="none", timeout=60) as client:
        try:
            embedder, generator = models(client)
            answer(client, generator)
            nearest(client, embedder, "baking at home")
            client.chat.completions.create(model="gpt-7", messages=[])
        except openai.NotFoundError as error:
            print(f"{error.status_code} {error.code}: {error.param}")
        except openai.APIConnectionError as error:
            print(f"{address}: {error}", file=sys.stderr)
            return 1
    return 0


def models(client: openai.OpenAI) -> tuple[str, str]:
    """Print the models; the one that embeds, and the one that talks."""
    found: dict[str, str] = {}
    for model in client.models.list():
        does: list[str] = getattr(model, "algorithms", [])
        print(f"{model.id}: {', '.join(does)}")
        for name in does:
            found.setdefault(name, model.id)
    return found["ml.embed"], found["ml.chat"]


def answer(client: openai.OpenAI, model: str) -> None:
    """Print an answer while it comes."""
    stream = client.chat.completions.create(
        model=model,
        messages=[{"role": "user", "content": QUESTION}],
        temperature=0,
        max_tokens=32,
        stream=True,
        stream_options={"include_usage": True},
    )
    for chunk in stream:
        for choice in chunk.choices:
            print(choice.delta.content or "", end="", flush=True)
        if chunk.usage is not None:
            print(f" ({chunk.usage.completion_tokens} tokens)")


def nearest(client: openai.OpenAI, model: str, question: str) -> None:
    """Print the text whose meaning is nearest."""
    told = client.embeddings.create(model=model, input=[question, *TEXTS])
    vectors = np.array([each.embedding for each in told.data])
    print(f"{question}: {TEXTS[int(np.argmax(vectors[1:] @ vectors[0]))]}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:8080"))
