# ruff: noqa: E501 - a table, one program a line
"""Programs that end, or refuse to, in strange ways."""

from __future__ import annotations

from hostile.case import CRASH, EXCEPTION, EXIT, OK, TIMEOUT, case

CASES = [
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
    case("sys.exit(0)", "import sys; output = 3; sys.exit(0)", OK, result=3),
    case("sys.exit with text", "import sys; sys.exit('bye')", EXIT),
    case("sys.exit with a huge status", "import sys; sys.exit(10 ** 30)", EXIT, OK, EXCEPTION),
    case("sys.exit with an object", "import sys\nclass X:\n  def __str__(self):\n    while True: pass\nsys.exit(X())", TIMEOUT, EXIT),
    case("exit while exiting", "import atexit, sys; atexit.register(sys.exit, 4); sys.exit(5)", EXIT, OK),
    case("os._exit while listening", "import os; print('x'); os._exit(0)", OK, streams=True),
    case("KeyboardInterrupt", "raise KeyboardInterrupt", EXCEPTION, says="KeyboardInterrupt"),
    case("GeneratorExit", "raise GeneratorExit", EXCEPTION, says="GeneratorExit"),
    case("an exception that is no exception", "raise 7", EXCEPTION, says="TypeError"),
    case("an exception whose making fails", "class E(Exception):\n  def __new__(cls): return 7\nraise E", EXCEPTION),
    case("a handler of the stop", "import signal\ndef f(): pass\ntry:\n  while True: f()\nexcept BaseException:\n  while True: f()\nfinally:\n  while True: f()", TIMEOUT),
    case("a generator that will not close", "def g():\n  while True:\n    try: yield\n    except GeneratorExit: pass\nx = g(); next(x); x.close()", EXCEPTION, says="RuntimeError"),
    case("a context that will not end", "class C:\n  def __enter__(self): return self\n  def __exit__(self, *a):\n    while True: pass\nwith C(): 1 / 0", TIMEOUT),
    case("a fatal error of Python's", "import ctypes", EXCEPTION, OK),
    case("the interpreter finalised", "import _testcapi", EXCEPTION),
    case("a syntax error", "def f(:", EXCEPTION, says="SyntaxError", prints=False),
    case("an encoding that is none", "# coding: rot13\nprint('x')", OK, EXCEPTION),
    case("NUL in the source", "x = 1\0", EXCEPTION, says="null bytes", prints=False),
    case("an indentation of 10⁴", "if 1:\n" + "".join(" " * n + "if 1:\n" for n in range(1, 150)), EXCEPTION, says="IndentationError", prints=False),
    case("10⁵ brackets", "(" * 100_000, EXCEPTION, says="Error", prints=False),
]  # fmt: skip
