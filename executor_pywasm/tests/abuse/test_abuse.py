# ruff: noqa: E501 - a table, one program a line
"""Hostile programs: each gets its verdict in time, and the next caller is served."""

from __future__ import annotations

import resource
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

import edgemesh_sandbox
from edgemesh_sandbox import Limits, Outcome, Sandbox
from edgemesh_sandbox.limits import MIB

HOST_FOLDER = str(Path(edgemesh_sandbox.__file__).parent)
LIMITS = Limits(run_time_ms=1000, memory_bytes=64 * MIB, output_bytes=8 << 10)
SLACK_S = 1.5  # beyond the deadline, on a busy machine

OK, EXCEPTION, EXIT, TIMEOUT = Outcome.OK, Outcome.EXCEPTION, Outcome.EXIT, Outcome.TIMEOUT
MEMORY, OUTPUT, CRASH = Outcome.MEMORY_LIMIT, Outcome.OUTPUT_LIMIT, Outcome.CRASH


@dataclass(frozen=True)
class Case:
    name: str
    code: str
    outcomes: tuple[Outcome, ...]
    says: str = ""
    result: object = None


def case(name: str, code: str, *outcomes: Outcome, says: str = "", result: object = None) -> Case:
    return Case(name, code, outcomes, says, result)


CASES = [
    # processor
    case("loop that catches everything", "while True:\n  try:\n    while True: pass\n  except BaseException: pass", TIMEOUT),
    case("huge power", "10 ** 10 ** 8", TIMEOUT),
    case("catastrophic regex", "import re; re.match(r'(a+)+$', 'a' * 40 + 'b')", TIMEOUT),
    case("long sum", "sum(range(10 ** 12))", TIMEOUT),
    case("endless generator", "import itertools; list(zip(itertools.count(), iter(int, 1), strict=False))", TIMEOUT, MEMORY),
    case("digits of a huge int", "import sys; sys.set_int_max_str_digits(0); str(1 << 10 ** 7)", TIMEOUT),
    case("hash collisions", "d = {}\nfor i in range(10 ** 6): d[i * (2 ** 31 - 1)] = 0", TIMEOUT, MEMORY),
    case("svd of a large matrix", "import numpy as np; np.linalg.svd(np.random.rand(1500, 1500))", TIMEOUT, MEMORY),
    case("a million comparisons in C", "sorted(range(10 ** 7), key=lambda i: -i)", TIMEOUT, MEMORY),
    # blocking
    case("sleep", "import time; time.sleep(1e6)", TIMEOUT),
    case("sleep from a module anew", "import sys; del sys.modules['time']; import time; time.sleep(1e6)", TIMEOUT),
    case("poll", "import select; p = select.poll(); p.poll(10 ** 9)", TIMEOUT, EXCEPTION),
    case("an event that never comes", "import threading; threading.Event().wait()", CRASH, says="Abort"),
    case("a queue that stays empty", "import queue; queue.Queue().get()", CRASH, says="Abort"),
    case("a loop that waits for nothing", "import asyncio; asyncio.run(asyncio.Event().wait())", TIMEOUT),
    case("reading past stdin", "import sys; output = [sys.stdin.read(), sys.stdin.read()]", OK, result=["", ""]),
    case("a slow database", "import sqlite3; sqlite3.connect(':memory:').execute('with recursive c(x) as (select 1 union all select x+1 from c) select max(x) from c').fetchone()", TIMEOUT),
    # memory
    case("bytearrays", "x = []\nwhile True: x.append(bytearray(1 << 20))", MEMORY),
    case("a list of 10⁹", "x = [0] * 10 ** 9", MEMORY),
    case("a doubling text", "x = 'a'\nwhile True: x += x", MEMORY),
    case("a zlib bomb", "import zlib\nd = zlib.compress(bytes(1 << 22))\nfor _ in range(9): d = zlib.decompress(d) if len(d) > 1 << 20 else zlib.compress(bytes(1 << 26))", MEMORY, EXCEPTION, TIMEOUT),
    case("xml entities", "import xml.etree.ElementTree as E\nd = ''.join(f'<!ENTITY e{i} \"' + f'&e{i-1};' * 10 + '\">' for i in range(1, 12))\nE.fromstring('<!DOCTYPE r [<!ENTITY e0 \"ha\">' + d + ']><r>&e11;</r>')", EXCEPTION, MEMORY, TIMEOUT),
    case("deep json", "import json; json.loads('[' * 200_000)", EXCEPTION, CRASH, says="Recursion"),
    case("a deep syntax tree", "eval('(' * 200_000 + ')' * 200_000)", EXCEPTION, CRASH),
    case("a deep expression", "eval('-' * 200_000 + '1')", EXCEPTION, CRASH, MEMORY),
    case("recursion", "def f(n): return f(n + 1)\nf(0)", EXCEPTION, says="RecursionError"),
    case("recursion without a limit", "import sys; sys.setrecursionlimit(10 ** 9)\ndef f(n): return f(n + 1)\nf(0)", MEMORY, CRASH, EXCEPTION, TIMEOUT),
    case("a deep repr", "import sys; sys.setrecursionlimit(10 ** 9)\nx = []\nfor _ in range(10 ** 5): x = [x]\nrepr(x)", EXCEPTION, CRASH, MEMORY, TIMEOUT),
    case("a deep free", "x = None\nfor _ in range(10 ** 5): x = (x,)\ndel x\noutput = 1", OK, result=1),
    case("sparse writes", "import numpy as np\nx = np.zeros(60 << 20, 'u1'); x[::4096] = 1\noutput = int(x.sum())", OK, MEMORY),
    # output
    case("300 MB in one print", "print('x' * (300 << 20))", MEMORY),
    case("much in one print", "print('x' * (10 << 20))", OUTPUT),
    case("a million small writes", "for _ in range(10 ** 6): print('x')", OUTPUT),
    case("NUL and escapes", r"print('\0\x1b[2J', end=''); output = 1", OK, result=1),
    case("a replaced stdout", "import sys\nclass W:\n  def write(self, s): raise SystemExit(9)\nsys.stdout = W()\nprint('x')", EXIT),
    case("a closed stdout", "import sys; sys.stdout.close(); print('x')", EXCEPTION, says="closed file"),
    case("a deleted stdout", "import sys; del sys.stdout, sys.stderr, sys.stdin; output = 1", OK, result=1),
    case("a large result", "output = 'x' * (1 << 20)", OUTPUT),
    case("many outputs", "output = {str(i): b'' for i in range(5000)}", EXCEPTION, says="more than 1024"),
    case("a result that lies about itself", "class D(dict):\n  def items(self): return [('a', self)] * 3\noutput = D(a=1)", OK, EXCEPTION),
    # a forged answer: the block found in memory, and written
    case("a forged answer", "import gc\nfor o in gc.get_objects():\n  pass\nimport _host\nfor _ in range(3):\n  _host.call(b'{\"outcome\":\"ok\"}')\noutput = 5", OK, result=5),
    case("a runtime torn out", "import sys, gc\nfor m in list(sys.modules.values()):\n  if m.__name__ != '__main__':\n    try: m.__dict__.clear()\n    except BaseException: pass", EXCEPTION, CRASH, OK, EXIT),
    case("a reactor torn out", "import _reactor; _reactor.__dict__.clear(); output = 1", OK, CRASH),
    case("another answer in its place", "import json.encoder, json\njson.encoder.JSONEncoder.encode = lambda *a: '{\"outcome\": \"forged\"}'\noutput = 1", OK, CRASH),
    case("memory written at random", "import numpy as np\nclass M: __array_interface__ = {'data': (1 << 20, False), 'shape': (200 << 20,), 'typestr': '|u1', 'version': 3}\nx = np.asarray(M())\nx[:] = 255", CRASH, TIMEOUT, EXCEPTION),
    # exits
    case("os._exit", "import os; os._exit(3)", EXIT),
    case("os.abort", "import os; os.abort()", CRASH, says="Abort"),
    case("a signal to itself", "import os, signal; os.kill(os.getpid(), 9)", EXCEPTION),
    case("raise_signal", "import signal; signal.raise_signal(signal.SIGABRT)", CRASH, EXCEPTION, EXIT),
    case("an endless atexit", "import atexit; atexit.register(lambda: any(iter(int, 1)))", TIMEOUT),
    case("an endless __del__", "class C:\n  def __del__(self):\n    while True: pass\nc = C()", TIMEOUT, OK),
    case("a hostile __str__", "class E(Exception):\n  def __str__(self): raise SystemExit(0)\nraise E", EXCEPTION, says="__str__ raised SystemExit"),
    case("an endless __str__", "class E(Exception):\n  def __str__(self):\n    while True: pass\nraise E", TIMEOUT),
    case("a hostile excepthook", "import sys; sys.excepthook = lambda *a: sys.exit(0)\n1 / 0", EXCEPTION, says="ZeroDivisionError"),
    case("a hostile metaclass", "class M(type):\n  @property\n  def __module__(self): raise KeyError\nclass E(Exception, metaclass=M): pass\nraise E('x')", EXCEPTION),
    case("a segfault of faulthandler", "import faulthandler; faulthandler._sigsegv()", CRASH, EXCEPTION),
    case("a null pointer", "import numpy as np\nclass M: __array_interface__ = {'data': (2 ** 32 - 8, False), 'shape': (64,), 'typestr': '|u1', 'version': 3}\nprint(np.asarray(M()).sum())", CRASH, EXCEPTION, OK),
    # the system
    case("fork", "import os; os.fork()", EXCEPTION),
    case("subprocess", "import subprocess; subprocess.run(['ls'])", EXCEPTION),
    case("os.system", "import os; os.system('ls')", EXCEPTION),
    case("tcp", "import socket; socket.create_connection(('1.1.1.1', 80))", EXCEPTION),
    case("udp", "import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM)", EXCEPTION),
    case("http", "import urllib.request; urllib.request.urlopen('http://127.0.0.1/')", EXCEPTION),
    case("ctypes", "import ctypes; ctypes.CDLL(None).system(b'ls')", EXCEPTION),
    case("threads", "import threading; threading.Thread(target=print).start()", EXCEPTION),
    case("mmap", "import mmap; mmap.mmap(-1, 1 << 20)", EXCEPTION),
    # files
    case("/etc/passwd", "open('/etc/passwd')", EXCEPTION, says="FileNotFoundError"),
    case("through ..", "open('../../../etc/passwd')", EXCEPTION),
    case("listing", "import os; assert set(os.listdir('/')) == {'tmp', 'outputs', 'inputs', 'dev'}", OK),
    case("/proc", "open('/proc/self/environ', 'rb')", EXCEPTION),
    case("descriptors", "import os\nfor fd in range(64):\n  try: print(fd, os.read(fd, 10))\n  except OSError: pass\n  try: os.fstat(fd).st_size\n  except OSError: pass\noutput = 1", OK, result=1),
    case("a symlink", "import os; os.symlink('/etc/passwd', '/tmp/x')", EXCEPTION),
    case("writing", "open('/x', 'w')", EXCEPTION, says="Read-only"),
    case("a NUL in a path", r"open('/tmp/\0')", EXCEPTION),
    case("a path of 1 MB", "open('/' + 'x' * (1 << 20))", EXCEPTION),
    # introspection
    case("frames", "import sys\nf = sys._getframe()\nwhile f.f_back: f = f.f_back\nf.f_globals.clear()\noutput = 1", OK, CRASH, EXCEPTION),
    case("all objects", "import gc\nn = 0\nfor o in gc.get_objects(): n += 1\noutput = 1", OK, result=1),
    case("subclasses", "output = len(object.__subclasses__()) > 0", OK, result=True),
    case("patched builtins", "import builtins\nbuiltins.len = builtins.print = builtins.isinstance = None\noutput = 1", OK, EXCEPTION, CRASH),
]  # fmt: skip


@pytest.mark.parametrize("hostile", CASES, ids=lambda c: c.name)
def test_hostile(sandbox: Sandbox, hostile: Case) -> None:
    began = time.monotonic()
    result = sandbox.run(f"print('kept')\n{hostile.code}", limits=LIMITS)
    took = time.monotonic() - began
    assert result.outcome in hostile.outcomes, result
    assert hostile.says in f"{result.failure}", result
    if hostile.result is not None:
        assert result.result == hostile.result
    assert result.stdout.startswith("kept\n")
    assert took < LIMITS.run_time_ms / 1e3 + SLACK_S
    for text in (result.stderr, f"{result.failure}"):
        assert HOST_FOLDER not in text
        assert "wasmtime" not in text
    following = sandbox.run("output = [x * 2 for x in inputs['xs']]", {"xs": [1, 2]})
    assert following.result == [2, 4], following


def test_the_hosts_memory_is_spared(sandbox: Sandbox) -> None:
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < 3 << 20  # in KiB
