# ruff: noqa: E501 - a table, one program a line
"""Code that runs when objects die, or when others run."""

from __future__ import annotations

from hostile.case import CRASH, EXCEPTION, EXIT, MEMORY, OK, TIMEOUT, case

CASES = [
    case("a finaliser that sleeps", "import time\nclass C:\n  def __del__(self): time.sleep(1e6)\nC()", TIMEOUT),
    case("a finaliser that raises", "class C:\n  def __del__(self): raise SystemExit(9)\nC(); output = 1", OK, result=1),
    case("a finaliser that resurrects", "kept = []\nclass C:\n  def __del__(self): kept.append(self)\nfor _ in range(1000): C()\ndel kept[:]\noutput = 1", OK, result=1),
    case("finalisers that breed", "class C:\n  def __del__(self): C(); C()\nC()", EXCEPTION, CRASH, TIMEOUT, OK, MEMORY),
    case("a weak reference's endless callback", "import weakref\nclass C: pass\nc = C()\ndef f(_):\n  while True: pass\nr = weakref.ref(c, f)\ndel c", TIMEOUT),
    case("weakref.finalize at the end", "import weakref\nclass C: pass\nc = C()\ndef f():\n  while True: pass\nweakref.finalize(c, f)", TIMEOUT, OK),
    case("a collector's endless callback", "import gc\ndef f(*_):\n  while True: pass\ngc.callbacks.append(f); gc.collect()", TIMEOUT),
    case("a collection that never ends", "import gc\nclass C:\n  def __del__(self):\n    while True: pass\nfor _ in range(10):\n  c = C(); c.c = c\ndel c; gc.collect()", TIMEOUT),
    case("the collector unfrozen", "import gc; gc.unfreeze(); gc.collect(); gc.collect(); output = 1", OK, TIMEOUT, MEMORY),
    case("the collector set to every object", "import gc; gc.set_threshold(1); x = [[] for _ in range(10 ** 5)]; output = 1", OK, TIMEOUT),
    case("everything referred to, cleared", "import gc\nfor o in gc.get_objects():\n  if type(o) in (dict, list):\n    try: o.clear()\n    except BaseException: pass", EXCEPTION, CRASH, OK, TIMEOUT),
    case("settrace, for ever", "import sys\ndef t(*a):\n  while True: pass\nsys.settrace(t)\n(lambda: 1)()", TIMEOUT),
    case("settrace that raises", "import sys\ndef t(*a): raise SystemExit(9)\nsys.settrace(t)\n(lambda: 1)()", EXIT),
    case("settrace left on", "import sys\nsys.settrace(lambda *a: 1 / 0)\noutput = 1", OK, EXCEPTION),
    case("setprofile left on", "import sys\nsys.setprofile(lambda *a: 1 / 0)\noutput = 1", OK, EXCEPTION, CRASH),
    case("monitoring left on", "import sys\nm = sys.monitoring\nm.use_tool_id(1, 'x')\ndef f(*a):\n  while True: pass\nm.register_callback(1, m.events.CALL, f)\nm.set_events(1, m.events.CALL)\nlen([])", TIMEOUT),
    case("a trace in frames above", "import sys\nf = sys._getframe()\nwhile f:\n  f.f_trace = lambda *a: 1 / 0; f = f.f_back\nsys.settrace(lambda *a: None)\noutput = 1", OK, EXCEPTION, CRASH),
    case("an audit hook, for ever", "import sys\ndef h(*a):\n  while True: pass\nsys.addaudithook(h)\nopen('/tmp/x')", TIMEOUT),
    case("an audit hook that raises", "import sys\ndef h(*a): raise KeyboardInterrupt\nsys.addaudithook(h)\nopen('/tmp/x')", EXCEPTION, CRASH),
    case("an unraisable hook, for ever", "import sys\ndef h(*a):\n  while True: pass\nsys.unraisablehook = h\nclass C:\n  def __del__(self): 1 / 0\nC()", TIMEOUT),
    case("a generator that runs itself", "def g():\n  next(x)\n  yield\nx = g(); next(x)", EXCEPTION, says="ValueError"),
    case("a coroutine never awaited", "async def f(): pass\nfor _ in range(1000): f()\noutput = 1", OK, result=1),
    case("bytecode of one's own", "f = lambda: 1\nf.__code__ = f.__code__.replace(co_code=bytes(range(256)) * 10)\nf()", CRASH, EXCEPTION, TIMEOUT, OK, EXIT, MEMORY),
    case("bytecode with a false stack", "f = lambda a, b: a + b\nf.__code__ = f.__code__.replace(co_stacksize=0, co_consts=())\nf(1, 2)", CRASH, EXCEPTION, OK, TIMEOUT),
    case("a hostile import", "import sys, importlib.abc\nclass F(importlib.abc.MetaPathFinder):\n  def find_spec(self, *a):\n    while True: pass\nsys.meta_path.insert(0, F())\nimport no_such_module", TIMEOUT),
    case("modules that are none", "import sys\nfor n in list(sys.modules): sys.modules[n] = 7\noutput = 1", OK, EXCEPTION, CRASH),
    case("frames whose locals are cleared", "import sys\nf = sys._getframe()\nwhile f:\n  try: f.clear()\n  except RuntimeError: pass\n  f = f.f_back\noutput = 1", OK, EXCEPTION, CRASH),
]  # fmt: skip
