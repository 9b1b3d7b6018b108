"""The slots of one executor: order, ageing, and that none is ever lost or given twice."""

from __future__ import annotations

import asyncio

import pytest
from clock import Clock
from edgemesh.compute.v1 import compute_pb2

from edgemesh_gateway.schedule import Lane, Slot
from mesh_service import errors

REALTIME = compute_pb2.PRIORITY_REALTIME
INTERACTIVE = compute_pb2.PRIORITY_INTERACTIVE
BATCH = compute_pb2.PRIORITY_BATCH
AGEING_S = 10.0


async def order_of(lane: Lane, clock: Clock, *arrivals: tuple[float, int]) -> list[int]:
    """In what order requests that arrive at a time with a priority get the only slot."""
    order: list[int] = []
    first = await lane.slot(INTERACTIVE, None)
    began = clock.now

    async def caller(number: int, priority: int) -> None:
        with await lane.slot(priority, None):
            order.append(number)

    callers: list[asyncio.Task[None]] = []
    for number, (at, priority) in enumerate(arrivals):
        clock.now = began + at
        callers.append(asyncio.create_task(caller(number, priority)))
        await asyncio.sleep(0)
    first.release()
    await asyncio.gather(*callers)
    assert (lane.running, lane.waiting) == (0, 0)
    return order


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def lane(clock: Clock) -> Lane:
    return Lane(1, 100, AGEING_S, clock)


async def test_priority_before_arrival(lane: Lane, clock: Clock) -> None:
    arrivals = [(0, BATCH), (1, INTERACTIVE), (2, REALTIME)]
    assert await order_of(lane, clock, *arrivals) == [2, 1, 0]


@pytest.mark.parametrize("priority", [REALTIME, INTERACTIVE, BATCH])
async def test_first_come_first_served_in_a_class(lane: Lane, clock: Clock, priority: int) -> None:
    arrivals = [(0.0, priority)] * 50
    assert await order_of(lane, clock, *arrivals) == list(range(50))


async def test_a_class_that_has_waited_long_has_every_eighth_slot(lane: Lane, clock: Clock) -> None:
    arrivals = [(0, BATCH), (0, BATCH), (9, INTERACTIVE), *[(20, REALTIME)] * 16]
    order = await order_of(lane, clock, *arrivals)
    # Interactive has aged by 10 s then, batch by 20; of both the one that has waited longer, in
    # its measure. What has not aged, or not more than the turns, comes when the others are through.
    assert order == [3, 4, 5, 6, 7, 8, 9, 2, 10, 11, 12, 13, 14, 15, 16, 0, 17, 18, 1]


async def test_batch_is_served_under_an_endless_stream_of_realtime(
    lane: Lane, clock: Clock
) -> None:
    slot = await lane.slot(REALTIME, None)
    batch = asyncio.ensure_future(lane.slot(BATCH, None))
    for second in range(60):
        clock.now += 1
        nexts = asyncio.ensure_future(lane.slot(REALTIME, None))
        await asyncio.sleep(0)
        slot.release()
        await asyncio.sleep(0)
        if batch.done():
            assert second > AGEING_S
            batch.result().release()
            (await nexts).release()
            return
        slot = nexts.result()
    raise AssertionError("starved")


async def test_a_free_slot_takes_no_turn_of_the_loop(lane: Lane) -> None:
    asking = lane.slot(INTERACTIVE, None)
    with pytest.raises(StopIteration) as ended:
        asking.send(None)
    assert isinstance(ended.value.value, Slot)


async def test_released_twice_counts_once(lane: Lane) -> None:
    slot = await lane.slot(INTERACTIVE, None)
    slot.release()
    slot.release()
    assert lane.running == 0


async def test_a_full_queue_refuses(clock: Clock) -> None:
    lane = Lane(1, 1, AGEING_S, clock)
    slot = await lane.slot(INTERACTIVE, None)
    waiting = asyncio.ensure_future(lane.slot(INTERACTIVE, None))
    await asyncio.sleep(0)
    with pytest.raises(errors.QueueFull) as full:
        await lane.slot(INTERACTIVE, None)
    assert (full.value.limit, full.value.retry_after_s) == (1, 0.5)
    # A higher class takes the place of a lower one.
    above = asyncio.ensure_future(lane.slot(REALTIME, None))
    with pytest.raises(errors.QueueFull):
        await waiting
    slot.release()
    (await above).release()
    assert lane.tally.shed == [0, 2, 0]
    assert (lane.running, lane.waiting) == (0, 0)


async def test_a_queue_full_of_bytes_sends_the_largest_share_away(clock: Clock) -> None:
    lane = Lane(1, 100, AGEING_S, clock, queue_bytes=1000)
    slot = await lane.slot(INTERACTIVE, None)
    small = asyncio.ensure_future(lane.slot(INTERACTIVE, None, tenant="a", size=10))
    large = asyncio.ensure_future(lane.slot(INTERACTIVE, None, tenant="b", size=900))
    await asyncio.sleep(0)
    other = asyncio.ensure_future(lane.slot(INTERACTIVE, None, tenant="a", size=100))
    with pytest.raises(errors.QueueFull, match="1000 bytes are waiting already") as full:
        await large
    assert full.value.limit == 1000
    slot.release()
    (await small).release()
    (await other).release()


async def test_an_algorithms_limit_keeps_no_slot_from_others(lane: Lane) -> None:
    lane.resize(3)
    lane.set_limits({"cpp.svd": 1})
    first = await lane.slot(INTERACTIVE, None, algorithm="cpp.svd")
    second = asyncio.ensure_future(lane.slot(REALTIME, None, algorithm="cpp.svd"))
    left = asyncio.ensure_future(lane.slot(REALTIME, None, algorithm="cpp.svd"))
    await asyncio.sleep(0)
    with await lane.slot(BATCH, None), await lane.slot(BATCH, None, algorithm="cpp.fft"):
        assert (lane.running, lane.waiting) == (3, 2)
        assert lane.running_by_class == [0, 1, 2]
    assert not second.done()
    first.release()
    await asyncio.sleep(0)
    # The one that leaves in the moment of its grant gives both back: slot and place in the limit.
    (await second).release()
    left.cancel()
    with pytest.raises(asyncio.CancelledError):
        await left
    (await lane.slot(INTERACTIVE, None, algorithm="cpp.svd")).release()
    assert (lane.running, lane.waiting, lane.running_by_class) == (0, 0, [0, 0, 0])


async def test_who_is_inside_waits_for_no_limit(lane: Lane) -> None:
    lane.set_limits({"python.run": 1})
    with (
        await lane.slot(INTERACTIVE, None, algorithm="python.run"),
        await lane.slot(INTERACTIVE, None, algorithm="python.run", inside=True),
    ):
        assert lane.running == 2


async def test_refused_waiters_get_an_error_each(lane: Lane) -> None:
    slot = await lane.slot(INTERACTIVE, None)
    waiting = [asyncio.ensure_future(lane.slot(BATCH, None)) for _ in range(3)]
    await asyncio.sleep(0)
    lane.refuse(lambda: errors.NotStarted("cpp", 1.0))
    ends = await asyncio.gather(*waiting, return_exceptions=True)
    assert all(isinstance(end, errors.NotStarted) for end in ends)
    assert len({id(end) for end in ends}) == 3
    slot.release()
    assert (lane.running, lane.waiting) == (0, 0)


async def test_a_deadline_in_the_queue() -> None:
    lane = Lane(1, 10, AGEING_S)
    loop = asyncio.get_running_loop()
    with await lane.slot(INTERACTIVE, None):
        with pytest.raises(errors.DeadlineExceeded) as late:
            await lane.slot(INTERACTIVE, loop.time() + 0.02)
        assert late.value.stage == "queue"
        assert (lane.running, lane.waiting) == (1, 0)


async def test_cancelled_in_the_moment_of_the_grant(lane: Lane) -> None:
    slot = await lane.slot(INTERACTIVE, None)
    one = asyncio.ensure_future(lane.slot(INTERACTIVE, None))
    two = asyncio.ensure_future(lane.slot(INTERACTIVE, None))
    await asyncio.sleep(0)
    slot.release()
    one.cancel()
    with pytest.raises(asyncio.CancelledError):
        await one
    (await two).release()
    assert (lane.running, lane.waiting) == (0, 0)


async def test_a_crowd_that_leaves_leaves_nothing_behind(clock: Clock) -> None:
    lane = Lane(1, 10_000, AGEING_S, clock)
    slot = await lane.slot(INTERACTIVE, None)
    crowd = [asyncio.ensure_future(lane.slot(INTERACTIVE, None)) for _ in range(5000)]
    await asyncio.sleep(0)
    for one in crowd:
        one.cancel()
    await asyncio.gather(*crowd, return_exceptions=True)
    assert lane.waiting == 0
    assert lane.queue.standing == 0
    slot.release()
