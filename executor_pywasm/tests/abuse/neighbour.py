"""Another tenant, who calls all the while that one attacks, and checks every answer."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

import grpc
from executor import Caller

_PAUSE_S = 0.03
_CODE = "import numpy as np\noutput = [int(np.array(inputs['xs']).sum()), inputs['xs'][0]]"


@dataclass(frozen=True)
class Answer:
    """One of the neighbour's calls."""

    began: float
    ended: float
    wrong: str
    """Why it is not what it should be; empty where it is."""


class Neighbour:
    """Calls in a thread of its own, with a pause after each."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller
        self._answers: list[Answer] = []
        self._changed = threading.Condition()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._call, daemon=True)
        self._thread.start()

    def during(self, began: float, ended: float) -> list[Answer]:
        """The calls that went on between these, and the first one afterwards."""

        def complete() -> bool:
            return bool(self._answers) and self._answers[-1].began >= ended

        with self._changed:
            self._changed.wait_for(complete, timeout=60)
            calls = [answer for answer in self._answers if answer.ended > began]
        last = next(n for n, answer in enumerate(calls) if answer.began >= ended)
        return calls[: last + 1]

    def close(self) -> None:
        """Stop calling."""
        self._over.set()
        self._thread.join()
        self._caller.close()

    def _call(self) -> None:
        number = 0
        while not self._over.wait(_PAUSE_S):
            number += 1
            began = time.monotonic()
            wrong = self._ask(number)
            with self._changed:
                self._answers.append(Answer(began, time.monotonic(), wrong))
                self._changed.notify_all()

    def _ask(self, number: int) -> str:
        try:
            response = self._caller.run(_CODE, xs=[number, 1, 2])
        except grpc.RpcError as error:
            return f"{error}"
        expected = f"[{number + 3},{number}]"
        if response.result.replace(" ", "") == expected:
            return ""
        return f"expected {expected}, got {response}"
