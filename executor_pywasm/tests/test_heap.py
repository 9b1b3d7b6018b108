"""What a large call has freed is handed back, and small calls pay nothing for it."""

from __future__ import annotations

from edgemesh_executor_pywasm.heap import Heap


class Counted:
    """Page faults as they are told, and how often memory was given back."""

    def __init__(self) -> None:
        self.now, self.trims = 0, 0

    def faults(self) -> int:
        return self.now

    def trim(self) -> None:
        self.trims += 1
        self.now += 5_000  # it makes some itself, which are no call's


def test_memory_is_given_back_after_large_calls_only() -> None:
    counted = Counted()
    heap = Heap(counted.faults, counted.trim)
    trims: list[int] = []
    for faults in (100, 2_000, 20_000, 100, 100, 100):
        counted.now += faults
        heap.rest()
        trims.append(counted.trims)
    assert trims == [0, 0, 1, 2, 2, 2]  # once more, since an answer is held until the next call


def test_what_the_allocator_keeps_comes_back() -> None:
    def held() -> int:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) << 12

    bytes(40 << 20)  # freed at once: from now on glibc keeps up to 64 MiB
    blocks = [b"x" * (1 << 20) for _ in range(60)]
    pin = [bytes(500) for _ in range(1000)]
    heap = Heap(iter((0, 10_000, 10_000)).__next__)
    before = held()
    blocks.clear()
    heap.rest()
    assert before - held() > 50 << 20
    assert pin
