"""ml.embed and ml.generate as the executor's own clock says, and many chats at once."""

from __future__ import annotations

import asyncio
import json
import time

from bench.caller import caller, p50, request
from bench.report import Line, save

CALLS = 10
TEXT = "The quick brown fox jumps over the lazy dog, and the dog does not mind."
QUESTION = {"role": "user", "content": "Tell a story about a lighthouse."}
TOKENS = 64
CHATS = (1, 16, 64)


async def measure() -> list[Line]:
    """Embeddings of one and many texts; tokens to the first and per second, of one and of many."""
    lines: list[Line] = []
    async with caller("ml") as ml:
        for texts in (1, 32):
            made = request("ml.embed", {"texts": [TEXT] * texts})
            lines.append(Line(f"embed {texts}", p50(await ml.total_ms(made, CALLS)), "ms"))
        made = request("ml.generate", {"messages": [QUESTION], "max_tokens": TOKENS})
        said = [json.loads((await ml.call(made)).result) for _ in range(5)]
        first = p50([float(each["time_to_first_token_ms"]) for each in said])
        rate = p50([float(each["tokens_per_second"]) for each in said])
        lines.append(Line("generate: first token", first, "ms"))
        lines.append(Line("generate: tokens", rate, "1/s"))
        for chats in CHATS:
            each = [
                request("ml.chat", {"messages": [_question(i)], "max_tokens": TOKENS})
                for i in range(chats)
            ]
            began = time.perf_counter()
            replies = await asyncio.gather(*(ml.call(one) for one in each))
            took = time.perf_counter() - began
            said = [json.loads(reply.result) for reply in replies]
            tokens = sum(one["usage"]["completion_tokens"] for one in said)
            slowest = max(one["time_to_first_token_ms"] for one in said)
            lines.append(Line(f"{chats} chats: tokens of all", tokens / took, "1/s"))
            lines.append(Line(f"{chats} chats: slowest first token", slowest, "ms"))
    save("ml", lines, calls=CALLS)
    return lines


def _question(number: int) -> dict[str, str]:
    """One that begins like no other, so that nothing of it is known."""
    return {"role": "user", "content": f"{number} boats pass a lighthouse. Tell their story."}
