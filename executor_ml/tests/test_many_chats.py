"""Sixty-four conversations at a time: each as alone, and none left waiting."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pytest

from edgemesh_candle import Generator

CHATS, TOKENS = 64, 8
P99 = int(CHATS * 0.99)


class Said(NamedTuple):
    ids: list[int]
    times: list[float]
    """Of each token."""


@pytest.fixture(scope="module")
def forgetful(models: Path) -> Generator:
    """One that keeps nothing of what it read: alone is anew."""
    return Generator(models / "smollm2-135m-instruct" / "model.gguf", prefix_bytes=0)


def _say(generator: Generator, number: int) -> Said:
    question = f"{number} boats pass a lighthouse. Who is in the last one?"
    generation = generator.start(
        generator.chat([("user", question)]), max_tokens=TOKENS, complete=True
    )
    assert generation.cached_tokens == 0
    said = Said([], [])
    while (token := generation.next()) is not None:
        said.ids.append(token.id)
        said.times.append(time.perf_counter())
    return said


@pytest.mark.timeout(600)
def test_sixty_four_chats_are_what_each_is_alone(forgetful: Generator) -> None:
    began = time.perf_counter()
    with ThreadPoolExecutor(CHATS) as threads:
        together = list(threads.map(lambda i: _say(forgetful, i), range(CHATS)))
    took = time.perf_counter() - began
    firsts = sorted(each.times[0] - began for each in together)
    print(f"{CHATS} chats: first token p50 {firsts[CHATS // 2]:.2f} s, p99 {firsts[P99]:.2f} s")
    assert [each.ids for each in together] == [_say(forgetful, i).ids for i in range(CHATS)]
    # Once a text has begun, prompts that are still to be read do not hold it up.
    gaps = [b - a for each in together for a, b in zip(each.times, each.times[1:], strict=False)]
    assert max(gaps) < took / 4
