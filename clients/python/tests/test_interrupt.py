"""Ctrl-C in a moment in which Python loses it."""

from __future__ import annotations

import signal
import sys
from typing import Any

import pytest

from edgemesh_client.cli.interrupt import interrupts


class Dying:
    """Its finaliser is interrupted."""

    def __del__(self) -> None:
        signal.raise_signal(signal.SIGINT)


def test_one_that_a_finaliser_lost_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    lost: list[Any] = []

    def keep(told: Any) -> None:
        lost.append(told.exc_type)

    monkeypatch.setattr(sys, "unraisablehook", keep)
    before = signal.getsignal(signal.SIGINT)
    with interrupts() as check:
        check()
        Dying()
        assert lost == [KeyboardInterrupt]
        with pytest.raises(KeyboardInterrupt):
            check()
    assert signal.getsignal(signal.SIGINT) is before


def test_one_at_any_other_moment_is_raised_at_once() -> None:
    with pytest.raises(KeyboardInterrupt), interrupts():
        signal.raise_signal(signal.SIGINT)
