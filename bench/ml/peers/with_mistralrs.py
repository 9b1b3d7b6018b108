"""mistral.rs, on Candle: text of GGUF files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from clock import now
from mistralrs import CompletionRequest, Runner, Which


def generate(case: dict[str, Any]) -> Any:
    path = Path(case["model"])
    model = Runner(Which.GGUF(quantized_model_id=str(path.parent), quantized_filename=path.name))

    def ask(tokens: int) -> tuple[float, int]:
        request = CompletionRequest(
            model="default", prompt=case["prompt"], max_tokens=tokens, temperature=0.0
        )
        began = now()
        said = model.send_completion_request(request)
        return (now() - began) * 1e3, said.usage.completion_tokens

    def do() -> dict[str, float]:
        first, _ = ask(1)
        whole, tokens = ask(case["tokens"])
        if tokens < 2:
            raise ValueError("ends at once")
        return {
            "prefill": first / case["prompt_tokens"],
            "decode": (whole - first) / (tokens - 1),
        }

    return do


WORKS = {"generate": generate}
