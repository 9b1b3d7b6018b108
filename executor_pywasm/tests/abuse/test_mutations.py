"""Mutated bytes are read or refused, and nothing else; `make abuse` tries many more."""

from __future__ import annotations

import os

import mutations
import pytest

COUNT = 300


@pytest.mark.parametrize("target", mutations.TARGETS, ids=lambda target: target.name)
def test_mutated_bytes_are_read_or_refused(target: mutations.Target) -> None:
    seed = int.from_bytes(os.urandom(4))  # told where something is wrong
    tally = mutations.attack(target, COUNT, seed)
    assert not tally.wrong, tally.wrong[:5]
    assert tally.read, "nothing was read: it mutates too much to mean anything"
    assert tally.refused, "nothing was refused: it mutates too little"
