# ruff: noqa: E501 - a table, one program a line
"""Programs that wait for what never comes."""

from __future__ import annotations

from hostile.case import CRASH, EXCEPTION, MEMORY, OK, TIMEOUT, case

CASES = [
    case("sleep", "import time; time.sleep(1e6)", TIMEOUT),
    case("sleep from a module anew", "import sys; del sys.modules['time']; import time; time.sleep(1e6)", TIMEOUT),
    case("poll", "import select; p = select.poll(); p.poll(10 ** 9)", TIMEOUT, EXCEPTION),
    case("an event that never comes", "import threading; threading.Event().wait()", CRASH, says="Abort"),
    case("a queue that stays empty", "import queue; queue.Queue().get()", CRASH, says="Abort"),
    case("a loop that waits for nothing", "import asyncio; asyncio.run(asyncio.Event().wait())", TIMEOUT),
    case("reading past stdin", "import sys; output = [sys.stdin.read(), sys.stdin.read()]", OK, result=["", ""]),
    case("a slow database", "import sqlite3; sqlite3.connect(':memory:').execute('with recursive c(x) as (select 1 union all select x+1 from c) select max(x) from c').fetchone()", TIMEOUT),
    case("sleep in slices", "import time\nwhile True: time.sleep(0.001)", TIMEOUT),
    case("sleep that catches its end", "import time\nwhile True:\n  try: time.sleep(1e6)\n  except BaseException: pass", TIMEOUT),
    case("sleep for longer than clocks count", "import time; time.sleep(2 ** 62)", EXCEPTION, TIMEOUT),
    case("a negative sleep", "import time; time.sleep(-1)", EXCEPTION, says="ValueError"),
    case("select", "import select; select.select([], [], [], 10 ** 6)", TIMEOUT, EXCEPTION),
    case("input without any", "input()", EXCEPTION, says="EOFError"),
    case("input for ever", "while True:\n  try: input()\n  except EOFError: pass", TIMEOUT),
    case("tasks that never end", "import asyncio\nasync def f():\n  while True: await asyncio.sleep(0)\nasyncio.run(f())", TIMEOUT),
    case("tasks that refuse to be cancelled", "import asyncio\nasync def f():\n  while True:\n    try: await asyncio.sleep(10)\n    except asyncio.CancelledError: pass\nasync def g():\n  async with asyncio.timeout(0.01): await f()\nasyncio.run(g())", TIMEOUT),
    case("a loop of a loop's own making", "import asyncio\nloop = asyncio.new_event_loop()\nloop.call_soon(lambda: loop.call_soon(lambda: None))\nloop.run_forever()", TIMEOUT),
    case("a loop whose selector is gone", "import asyncio\nloop = asyncio.new_event_loop()\nloop._selector = None\nloop.run_forever()", EXCEPTION),
    case("callbacks that breed", "import asyncio\nloop = asyncio.new_event_loop()\ndef f(): loop.call_soon(f); loop.call_soon(f)\nf(); loop.run_forever()", TIMEOUT, MEMORY),
    case("a lock taken twice", "import threading\nl = threading.Lock(); l.acquire(); l.acquire()", CRASH, TIMEOUT),
    case("a lock taken with a timeout", "import threading\nl = threading.Lock(); l.acquire(); l.acquire(timeout=1000)", CRASH, TIMEOUT, EXCEPTION, OK),
    case("a condition", "import threading\nc = threading.Condition()\nwith c: c.wait()", CRASH, TIMEOUT),
    case("a barrier", "import threading; threading.Barrier(2).wait()", CRASH, TIMEOUT, EXCEPTION),
    case("an executor of threads", "from concurrent.futures import *; ThreadPoolExecutor().submit(print).result()", EXCEPTION),
    case("an executor of processes", "from concurrent.futures import *; ProcessPoolExecutor().submit(print).result()", EXCEPTION),
    case("a scheduler", "import sched, time\ns = sched.scheduler(time.monotonic, time.sleep); s.enter(10 ** 6, 1, print); s.run()", TIMEOUT),
    case("waiting for a child", "import os; os.waitpid(-1, 0)", EXCEPTION),
    case("pausing for a signal", "import signal; signal.pause()", EXCEPTION),
    case("an alarm", "import signal; signal.alarm(1)", EXCEPTION),
]  # fmt: skip
