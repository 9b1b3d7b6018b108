"""A session goes on: call after call, after sleep, after a fork, and after what went wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from sessions.notebook import CELLS, END, plain

from edgemesh_sandbox import (
    InputError,
    Limits,
    Outcome,
    Sandbox,
    SandboxManager,
    Session,
    SessionError,
    Tensor,
    pages,
)
from edgemesh_sandbox.built import Built

MIB = 1 << 20


@pytest.fixture(scope="module")
def alone(built: Built, images: Path) -> Iterator[Sandbox]:
    with Sandbox(images, spare=False) as sandbox:
        yield sandbox


@pytest.fixture
def session(alone: Sandbox) -> Iterator[Session]:
    with alone.session() as session:
        yield session


def test_a_notebook_sleeps_and_wakes_between_its_cells(alone: Sandbox) -> None:
    session = alone.session()
    for number, (code, expected) in enumerate(CELLS):
        result = session.run(code, wire=True)
        assert result.ok, result.failure
        assert plain(result.result) == expected, code
        if number % 3 == 0:
            session = alone.wake(session.sleep(compress=number % 2 == 0))
    assert plain(session.run(END[0], wire=True).result) == END[1]
    session.close()


def test_a_failed_call_is_kept_and_one_that_was_stopped_is_not(session: Session) -> None:
    session.run("x = [1]")
    failed = session.run("x.append(2)\n1 / 0")
    assert (failed.outcome, failed.kept) == (Outcome.EXCEPTION, True)
    left = session.run("x.append(3)\nimport sys; sys.exit(3)")
    assert (left.outcome, left.kept) == (Outcome.EXIT, True)
    for code, limits in (
        ("x.append(4)\nwhile True: pass", Limits(run_time_ms=100)),
        ("x.append(5)\nimport os; os._exit(0)", Limits()),
        ("x.append(6)\nimport os; os.abort()", Limits()),
        ("x.append(7)\ny = bytearray(80 << 20)", Limits(memory_bytes=32 * MIB)),
        ("x.append(8)\nprint('z' * 5000)", Limits(output_bytes=1000)),
    ):
        result = session.run(code, limits=limits)
        assert result.outcome not in (Outcome.EXCEPTION, Outcome.EXIT)
        assert result.kept is False, code
        assert session.run("x").result == [1, 2, 3]


def test_calls_are_undone_back_to_the_first(alone: Sandbox) -> None:
    with alone.session(undo=3) as session:
        session.run("x = 0; big = b''; f = open('/tmp/f', 'w')")
        for _ in range(5):
            session.run("x += 1; big = bytes(3 << 20); _ = f.write('.'); f.flush()")
        session.undo(2)
        look = "[x, len(big) >> 20, len(open('/tmp/f').read())]"
        assert session.run(look).result == [3, 3, 3]
        session.undo()
        assert session.run("x += 1; _ = f.write('!'); f.flush(); open('/tmp/f').read()").result == (
            "...!"
        )
        with pytest.raises(SessionError, match="can be undone"):
            session.undo(4)
        session.reset()
        assert session.run("'x' in globals()").result is False


def test_a_fork_goes_its_own_way_with_other_numbers(session: Session) -> None:
    session.run("import random; random.seed(1); x = [1]; g = iter(range(9)); next(g)")
    with session.fork() as fork, session.fork() as other:
        assert fork.run("x.append(2); x").result == [1, 2]
        assert session.run("x").result == [1]
        drawn = {one.run("random.random()").result for one in (session, fork, other)}
        assert len(drawn) == 3
        assert [one.run("next(g)").result for one in (session, fork, other)] == [1, 1, 1]


def test_random_numbers_and_clocks_go_on_after_sleep(alone: Sandbox) -> None:
    code = "import random, time; random.seed(5); a = random.random(); m = time.monotonic()"
    session = alone.session()
    session.run(code + "; p = time.process_time(); w = time.time()")
    session = alone.wake(session.sleep())
    expected = alone.run("import random; random.seed(5); random.random(); random.random()").result
    assert session.run("random.random()").result == expected
    program = "[time.monotonic() - m, time.process_time() - p, time.time() - w]"
    passed = session.run(program).result
    assert all(0 <= each < 60 for each in passed)
    assert abs(passed[0] - passed[2]) < 0.5
    session.close()


def test_two_new_ones_draw_other_numbers(alone: Sandbox) -> None:
    with alone.session() as one, alone.session() as other:
        code = "import random, numpy as np; [random.random(), float(np.random.rand())]"
        assert one.run(code).result != other.run(code).result


def test_the_result_is_this_calls_own(session: Session) -> None:
    for text in ("one", "two"):
        assert session.run(f"print('{text}')").stdout == f"{text}\n"
    assert session.run("output = 5").result == 5
    assert session.run("6").result == 6
    assert session.run("y = 7").result is None
    assert session.run("output = output + 1").result == 6
    session.run("import matplotlib.pyplot as plt; plt.plot([1, 2])")
    assert list(session.run("8").outputs) == []
    assert list(session.run("plt.plot([2, 1]); 9").outputs) == ["figure-1"]
    assert session.inspect().figures == 1
    session.run("open('/outputs/a.txt', 'w').write('a')")
    assert list(session.run("open('/outputs/b.txt', 'w').write('b')").outputs) == ["b.txt"]


def test_inputs_are_of_one_call_and_stay_what_they_were(session: Session) -> None:
    for number in range(3):
        data = bytes([number]) * 300_000
        session.run(f"a{number} = inputs['x']", {"x": Tensor("uint8", (300_000,), data)})
    assert session.run("[int(a0[0]), int(a1[7]), int(a2[-1])]").result == [0, 1, 2]
    two = {name: Tensor("uint8", (n,), bytes([n]) * n) for name, n in (("p", 9), ("q", 200))}
    assert session.run("[int(inputs[k].sum()) for k in 'pq']", two).result == [81, 40_000]
    big = Tensor("uint8", (8 * MIB,), bytes(8 * MIB))
    before = session.run("len(inputs['b'])", {"b": big}).peak_memory_bytes
    after = [session.run("len(inputs['b'])", {"b": big}).peak_memory_bytes for _ in range(20)]
    assert after[-1] - before < 24 * MIB  # what crosses does not pile up
    assert session.run("open('/inputs/note').read()", files={"note": b"hello"}).result == "hello"
    assert session.run("import os; os.listdir('/inputs')").result == []


def test_it_says_what_it_has(session: Session) -> None:
    session.run("import numpy as np\nclass Sly:\n    def __sizeof__(self): return 1 / 0")
    session.run("a, s, t = np.zeros((2, 3)), Sly(), 'text'")
    found = {variable.name: variable for variable in session.inspect().variables}
    assert found["a"].shape == (2, 3)
    assert (found["a"].dtype, found["a"].nbytes) == ("float64", 48)
    assert (found["s"].type, found["t"].length) == ("Sly", 4)
    assert session.calls == 2


def test_memory_is_bounded_for_all_of_it(alone: Sandbox) -> None:
    with alone.session(limits=Limits(memory_bytes=64 * MIB)) as session:
        assert session.run("parts = [bytearray(40 << 20)]").ok
        over = session.run("parts.append(bytearray(40 << 20))")
        assert over.outcome is Outcome.MEMORY_LIMIT
        assert session.run("len(parts)").result == 1


def test_what_is_closed_or_asks_for_fuel_is_refused(alone: Sandbox) -> None:
    session = alone.session()
    with pytest.raises(InputError, match="fuel"):
        session.run("1", limits=Limits(fuel=10))
    session.sleep()
    with pytest.raises(SessionError, match="closed"):
        session.run("1")


@pytest.mark.skipif(not pages.supported(), reason="the kernel tells no private pages")
def test_pages_are_compared_where_nothing_tells_them(
    built: Built, images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "supported", lambda: False)
    with Sandbox(images, spare=False) as sandbox:
        session = sandbox.session()
        session.run("x = 1\ndef f():\n    yield 1\n    yield 2\ng = f(); next(g)")
        session = sandbox.wake(session.sleep())
        assert session.run("[x, next(g)]").result == [1, 2]
        session.undo()
        assert session.run("next(g)").result == 2
        session.close()


async def test_a_manager_keeps_many_apart(built: Built, images: Path) -> None:
    async with SandboxManager(images, at_once=2) as manager:
        for name in ("one", "two"):
            await manager.create_sandbox(name, limits=Limits(run_time_ms=5000))
        with pytest.raises(SessionError):
            await manager.create_sandbox("one")
        await asyncio.gather(manager.execute("one", b"x = 1"), manager.execute("two", b"x = 2"))
        first, second = await asyncio.gather(
            *(manager.execute(name, b"print(x)") for name in ("one", "two"))
        )
        assert (first.output, second.output) == ("1\n", "2\n")
        assert first.success
        failed = await manager.execute("one", b"1 / 0")
        assert (failed.success, "ZeroDivisionError" in failed.error) == (False, True)
        assert failed.time_s > 0
        with pytest.raises(InputError):
            await manager.execute("one", b"\xff")
        running = asyncio.create_task(manager.execute("two", b"while True: pass"))
        await manager.execute("one", b"x")
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert (await manager.execute("two", b"print(x)")).output == "2\n"
        await manager.close_all()
        with pytest.raises(SessionError):
            await manager.execute("one", b"x")
