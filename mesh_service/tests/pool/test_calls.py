"""What an honest call gets: its bytes, its events, its answers, its limits."""

import asyncio
import json
import os
from typing import Any

import pytest
from pools import Bench, alive, running, spec, work

from mesh_service.pool import Verdict, Work


@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 65_537, 1 << 20, (1 << 20) + 1, 9_999_999])
async def test_buffers_of_any_size_come_back(bench: Bench, size: int) -> None:
    data = os.urandom(size)
    for _ in range(2):  # the second time in used segments
        done, _, buffers = await bench.do("echo", data, b"", data[: size // 2])
        assert done.verdict is Verdict.DONE
        assert buffers == [data, b"", data[: size // 2]]
        done, _, buffers = await bench.do("reverse", data, b"ab")
        assert buffers == [data[::-1], b"ba"]


async def test_a_hundred_megabytes_each_way(bench: Bench) -> None:
    data = os.urandom(1 << 20) * 100
    async with bench.pool.run(work("reverse", data)) as done:
        (buffer,) = done.buffers
        assert buffer.readonly
        assert buffer == data[::-1]


async def test_many_buffers(bench: Bench) -> None:
    data = [os.urandom(index * 7 % 900) for index in range(4095)]
    done, _, buffers = await bench.do("echo", *data)
    assert done.verdict is Verdict.DONE
    assert buffers == data
    with pytest.raises(ValueError, match="4096 buffers"):
        await bench.do("echo", *[b""] * 4096)


async def test_a_memoryview_of_items_is_taken_as_its_bytes(bench: Bench) -> None:
    numbers = memoryview(bytes(range(240))).cast("d", (5, 6))
    assert (await bench.do("echo", numbers))[2] == [bytes(range(240))]
    large = memoryview(bytearray(os.urandom(800_000))).cast("q")
    assert (await bench.do("echo", large))[2] == [large.tobytes()]


async def test_a_buffer_that_is_not_contiguous_is_refused_and_harms_nothing(bench: Bench) -> None:
    with pytest.raises((BufferError, TypeError, ValueError)):
        await bench.do("echo", memoryview(bytearray(4 << 20))[::2])
    assert (await bench.do("echo", b"next"))[2] == [b"next"]


async def test_results_written_in_place(bench: Bench) -> None:
    sizes = [10, 100_000, 0, 300_000, 70_000, 5_000_000]
    _, header, buffers = await bench.do("fill", sizes=sizes)
    assert header == b"filled"
    assert buffers == [bytes([index]) * size for index, size in enumerate(sizes)]
    assert (await bench.do("slice_of_allocated"))[2] == [b"m" * 100_000]


async def test_many_results_in_place_lie_in_few_segments(bench: Bench) -> None:
    sizes = [66_000 + 100 * index for index in range(500)]
    done, _, buffers = await bench.do("fill", sizes=sizes, limits={"reply_limit": sum(sizes) + 6})
    assert done.verdict is Verdict.DONE
    assert [len(buffer) for buffer in buffers] == sizes
    assert all(
        buffer == bytes([index % 256]) * size
        for index, (buffer, size) in enumerate(zip(buffers, sizes, strict=True))
    )
    fds = len(os.listdir("/proc/self/fd"))
    await bench.do("fill", sizes=sizes, limits={"reply_limit": sum(sizes) + 6})
    assert len(os.listdir("/proc/self/fd")) == fds
    assert fds < 60


async def test_inputs_are_read_only_and_memory_is_aligned(bench: Bench) -> None:
    done, header, _ = await bench.do("alignment", b"x" * 100, b"y" * 200_000)
    assert done.verdict is Verdict.DONE
    assert json.loads(header)[1:] == [0, 0]


async def test_a_large_header_goes_through_shared_memory(bench: Bench) -> None:
    assert (await bench.do("big_header", size=3_000_000))[1] == b"h" * 3_000_000
    request = json.dumps({"do": "echo", "x": "y" * 200_000}).encode()
    async with bench.pool.run(Work(header=request)) as done:
        assert done.verdict is Verdict.ERROR  # echo takes no x: so the header was read whole


async def test_events_come_in_order_before_the_end(bench: Bench) -> None:
    seen: list[bytes] = []
    started: list[int] = []
    async with bench.pool.run(
        work("events", count=2000, size=500),
        on_started=lambda: started.append(len(seen)),
        on_event=seen.append,
    ) as done:
        assert done.verdict is Verdict.DONE
        assert started == [0]
        assert [int.from_bytes(event[:4], "little") for event in seen] == list(range(2000))


async def test_limits_of_events_and_replies(bench: Bench) -> None:
    limits = {"event_limit": 50_000, "reply_limit": 1 << 20}
    done, header, _ = await bench.do("too_many_events", limits=limits)
    assert (done.verdict, header) == (Verdict.DONE, b"50000")
    done, header, _ = await bench.do("allocate_too_much", limits=limits)
    assert (done.verdict, header) == (Verdict.DONE, b"1048577 1048576")
    done, header, _ = await bench.do("big_header", size=(1 << 20) + 1, limits=limits)
    assert (done.verdict, header, done.error_id) == (Verdict.REJECTED, b"", "")
    done, _, _ = await bench.do("big_header", size=1 << 20, limits=limits)
    assert done.verdict is Verdict.DONE


async def test_a_call_back_through_the_front(bench: Bench) -> None:
    async def on_call(question: bytes) -> bytes:
        await asyncio.sleep(0)
        if question == b"bad":
            raise ValueError("no answer")
        return question.upper() * (300_000 if question == b"many" else 1)

    done, header, _ = await bench.do("ask", questions=["a", "many", "c"], on_call=on_call)
    assert done.verdict is Verdict.DONE
    assert header == b"A" + b"MANY" * 300_000 + b"C"
    done, header, _ = await bench.do("ask", questions=["a", "bad"], on_call=on_call)
    assert done.verdict is Verdict.ERROR
    done, header, _ = await bench.do("ask", questions=["a"])  # nobody answers
    assert done.verdict is Verdict.ERROR


async def test_questions_side_by_side(bench: Bench) -> None:
    """Each answer is there when it has come, whatever the others take."""
    later = asyncio.Event()

    async def on_call(question: bytes) -> bytes:
        if question == b"slow":
            await later.wait()
        elif not question:
            later.set()
        return question.upper()

    questions = ["slow", *"abcdefghijklmnop"]
    done, header, _ = await bench.do("post", questions=questions, on_call=on_call)
    assert done.verdict is Verdict.DONE
    found = json.loads(header)
    assert sorted(found[:-2]) == [f"{q}={q.upper()}" for q in questions[1:]]
    assert set(found[-2:]) == {"=", "slow=SLOW"}


async def test_more_open_questions_than_are_taken_cost_the_worker(bench: Bench) -> None:
    async def never(_: bytes) -> bytes:
        await asyncio.Event().wait()
        return b""

    done, _, _ = await bench.do("post", questions=["q"] * 21, on_call=never)
    assert done.verdict is Verdict.CRASH
    assert (await bench.do("echo", b"next"))[2] == [b"next"]


async def test_an_answer_that_nobody_takes_is_dropped(bench: Bench) -> None:
    cancelled = asyncio.Event()

    async def on_call(question: bytes) -> bytes:
        if question == b"quick":
            return b""
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            cancelled.set()
            raise
        return b""

    for _ in range(3):
        cancelled.clear()
        _, header, _ = await bench.do("post_and_leave", on_call=on_call)
        assert header == b"left"
        await asyncio.wait_for(cancelled.wait(), 10)
    assert (await bench.do("echo", b"next"))[2] == [b"next"]


async def test_calls_that_wait_for_calls_are_lent_workers() -> None:
    """One worker, and calls five deep; afterwards there is one worker again."""
    async with running(lends=5) as bench:

        async def on_call(question: bytes) -> bytes:
            if question == b"":
                return b"0"
            done, header, _ = await bench.do("ask", questions=[question[1:].decode()], **back)
            assert done.verdict is Verdict.DONE
            return header + b"1"

        back: dict[str, Any] = {"on_call": on_call}
        done, header, _ = await bench.do("ask", questions=["xxxxx"], **back)
        assert (done.verdict, header) == (Verdict.DONE, b"011111")
        found = await asyncio.gather(*(bench.do("ask", questions=["x"], **back) for _ in range(4)))
        assert [header for _, header, _ in found] == [b"01"] * 4
        for _ in range(8):  # each that ends gives a place back
            await bench.do("echo")
        assert bench.pool.stats().slots == 1


async def test_a_pool_that_lends_none_lets_them_wait() -> None:
    async with running() as bench:

        async def on_call(_: bytes) -> bytes:
            async with asyncio.timeout(0.5):
                await bench.do("echo")
            return b""

        done, _, _ = await bench.do("ask", questions=["x"], on_call=on_call)
        assert done.verdict is Verdict.ERROR


async def test_what_a_handler_raises_stays_in_its_log(
    capfd: pytest.CaptureFixture[str],
) -> None:
    async with running() as bench:
        done, header, _ = await bench.do("fail")
        assert (done.verdict, header, done.detail) == (Verdict.ERROR, b"", "")
        log = capfd.readouterr().err
        assert "a secret of the handler" in log
        assert done.error_id in log
        assert (await bench.do("pid"))[1] == str(done.worker_pid).encode()  # it lives on


async def test_what_raises_in_a_callback_reaches_the_caller(bench: Bench) -> None:
    def on_event(event: bytes) -> None:
        raise RuntimeError(event.decode())

    with pytest.raises(RuntimeError, match="here"):
        await bench.do("wait_for_cancel", then="end", on_event=on_event)
    assert (await bench.do("echo", b"next"))[2] == [b"next"]


async def test_usage_is_told(bench: Bench) -> None:
    done, _, _ = await bench.do("burn", cpu_ms=60)
    assert 60_000 <= done.cpu_us <= done.run_us + 20_000
    assert done.started
    done, _, _ = await bench.do("eat", megabytes=64, then="nap")
    assert 50 << 20 <= done.peak_memory <= 120 << 20
    assert (await bench.do("echo"))[0].peak_memory < 1 << 20


async def test_several_calls_in_one_process() -> None:
    async with running(concurrency=4) as bench:

        async def one(name: bytes) -> bytes:
            async def who(_: bytes) -> bytes:
                return name

            done, header, buffers = await bench.do("meet", parties=4, on_call=who)
            assert done.verdict is Verdict.DONE
            assert buffers[0][:199_999] == (header * 200_000)[:199_999] or len(header) > 1
            return header

        names = [bytes([65 + index]) for index in range(4)]
        assert await asyncio.gather(*map(one, names)) == names
        assert bench.pool.stats().slots == 4


@pytest.mark.parametrize("prepared", [(), ("deeds",)], ids=["fresh", "forked"])
async def test_the_workers_environment(
    prepared: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_OF_THE_FRONT", "1")
    monkeypatch.setenv("LANG", "C.UTF-8")
    monkeypatch.setenv("TZ", "UTC")
    listening, other = os.pipe()
    env = {**spec().env, "TZ": "", "MORE": "1"}
    async with running(prepared=prepared, env=env) as bench:
        found = json.loads((await bench.do("environment"))[1])
    os.close(listening)
    os.close(other)
    assert {"LANG", "MORE"} <= set(found["variables"])
    assert not {"SECRET_OF_THE_FRONT", "TZ"} & set(found["variables"])
    assert found["group"]
    assert not found["core"], "the child side imports asyncio"
    assert sum("socket:" in name for name in found["files"]) == 2
    assert found["files"].count("/dev/null") == 1


async def test_a_handler_that_rests_does_so_after_each_reply() -> None:
    async with running() as alone, running(concurrency=2) as shared:
        for count in range(3):
            assert (await alone.do("rests"))[1] == str(count).encode()
            assert (await shared.do("rests"))[1] == b"0"


async def test_nothing_leaks_in_a_thousand_calls(bench: Bench) -> None:
    await bench.do("reverse", bytes(300_000))
    before = len(os.listdir("/proc/self/fd"))
    pid = (await bench.do("pid"))[0].worker_pid
    theirs = len(os.listdir(f"/proc/{pid}/fd"))
    for index in range(1000):
        size = 100 if index % 10 else 300_000
        await bench.do("reverse" if index % 3 else "keep", bytes(size))
    assert len(os.listdir("/proc/self/fd")) <= before + 2
    assert len(os.listdir(f"/proc/{pid}/fd")) <= theirs + 2
    assert bench.pool.stats().segment_bytes <= 2 << 20
    assert alive(pid)


async def test_shared_memory_beyond_the_cap_is_freed() -> None:
    async with running(segment_cache_bytes=1 << 20) as bench:
        data = os.urandom(2 << 20)
        for _ in range(3):
            assert (await bench.do("reverse", data))[2] == [data[::-1]]
        assert bench.pool.stats().segment_bytes <= 1 << 20


async def test_an_idle_pool_gives_shared_memory_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mesh_service.pool.watch.REST_AFTER", 0.01)
    async with running() as bench:
        await bench.do("reverse", bytes(30 << 20))
        assert bench.pool.stats().segment_bytes == 64 << 20
        await bench.until(lambda now: now.segment_bytes == 0)
        assert (await bench.do("reverse", b"ab"))[2] == [b"ba"]


async def test_buffers_are_released_with_their_block(bench: Bench) -> None:
    async with bench.pool.run(work("reverse", bytes(200_000))) as done:
        (view,) = done.buffers
        part = view[:100]
        again, _, _ = await bench.do("reverse", b"\1" * 200_000)  # takes another segment
        assert again.verdict is Verdict.DONE
        assert part == bytes(100)
    with pytest.raises(ValueError, match="released"):
        view[0]
