# ruff: noqa: E501 - a table, one program a line
"""Programs that say too much, or say it wrongly."""

from __future__ import annotations

from hostile.case import CRASH, EXCEPTION, EXIT, MEMORY, OK, OUTPUT, TIMEOUT, case

CASES = [
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
    case("100,000 prints", "for n in range(10 ** 5): print(n)", OUTPUT),
    case("100,000 prints, listened to", "for n in range(10 ** 5): print(n)", OUTPUT, streams=True),
    case("prints until stopped, listened to", "while True: print('', end='', flush=True)", TIMEOUT, streams=True),
    case("much to stderr", "import sys\nfor n in range(10 ** 5): print(n, file=sys.stderr)", OUTPUT),
    case("past sys.stdout", "import os\nwhile True: os.write(1, b'x' * 1000)", OUTPUT),
    case("bytes that are no text", "import os; os.write(1, bytes(range(128, 256)) * 10); output = 1", OK, result=1),
    case("half a character", "import os; os.write(1, '€'.encode()[:2]); output = 1", OK, result=1),
    case("lone surrogates", r"print('\ud800\udfff' * 100); output = '\ud800'", OK, EXCEPTION),
    case("descriptor 1 closed", "import os; os.close(1); print('x'); output = 1", OK, EXCEPTION),
    case("printing after closing", "import sys; sys.stdout.close(); sys.stdout = None; print('x'); output = 1", OK, result=1),
    case("a stdout that fails when flushed", "import sys\nclass W:\n  def write(self, s): pass\n  def flush(self): raise MemoryError\nsys.stdout = W(); print('x', flush=True)", MEMORY, EXCEPTION),
    case("an excepthook of great output", "import sys\nsys.stderr.write('x' * (1 << 20)); 1 / 0", OUTPUT),
    case("an exception of 30 MB", "raise ValueError('x' * (30 << 20))", EXCEPTION, MEMORY, says="characters"),
    case("an exception whose text is endless", "class E(Exception):\n  def __str__(self): return 'x' * (1 << 30)\nraise E", EXCEPTION, MEMORY),
    case("notes of 30 MB", "e = ValueError(1)\ne.add_note('x' * (30 << 20))\nraise e", EXCEPTION, MEMORY),
    case("a million notes", "e = ValueError(1)\ne.__notes__ = ['x'] * 10 ** 6\nraise e", EXCEPTION, MEMORY, TIMEOUT),
    case("notes that are none", "e = ValueError(1)\ne.__notes__ = 7\nraise e", EXCEPTION, says="ValueError"),
    case("a group a million deep", "e = ValueError(1)\nfor _ in range(10 ** 5): e = ExceptionGroup('g', [e])\nraise e", EXCEPTION, CRASH, MEMORY, TIMEOUT),
    case("a group a million wide", "raise ExceptionGroup('g', [ValueError(n) for n in range(10 ** 5)])", EXCEPTION, MEMORY, TIMEOUT),
    case("causes in a circle", "a, b = ValueError(1), ValueError(2)\na.__cause__, b.__cause__ = b, a\nraise a", EXCEPTION, says="ValueError"),
    case("causes 10⁵ deep", "e = None\nfor n in range(10 ** 5):\n  f = ValueError(n); f.__cause__ = e; e = f\nraise e", EXCEPTION, CRASH, MEMORY, TIMEOUT),
    case("a traceback of 10⁵ lines", "def f(n):\n  if n: f(n - 1)\n  else: 1 / 0\nimport sys; sys.setrecursionlimit(10 ** 6); f(5000)", EXCEPTION, CRASH),
    case("a type with a name of 1 MB", "raise type('E' * (1 << 20), (Exception,), {})('x')", EXCEPTION),
    case("a type whose name is no text", "class M(type):\n  __qualname__ = property(lambda s: 1 / 0)\nclass E(Exception, metaclass=M): pass\nraise E", EXCEPTION),
    case("a source file that lies", "import linecache\nlinecache.getline = linecache.getlines = lambda *a, **k: 1 / 0\n1 / 0", EXCEPTION, says="ZeroDivisionError"),
    case("a traceback module torn out", "import traceback\ntraceback.__dict__.clear()\n1 / 0", EXCEPTION),
    case("unicode that turns round", "print('\\u202e' * 100 + 'txt.exe' + '\\u200b' * 100); output = 1", OK, result=1),
    case("combining marks", "print('e' + '\\u0301' * 3000); output = 1", OK, result=1),
]  # fmt: skip
