# ruff: noqa: E501 - a table, one program a line
"""Results that are hostile when they are converted."""

from __future__ import annotations

from hostile.case import CRASH, EXCEPTION, EXIT, MEMORY, OK, OUTPUT, TIMEOUT, case

CASES = [
    case("an endless __index__", "class I:\n  def __index__(self):\n    while True: pass\noutput = [0] * 3\noutput[I()]", TIMEOUT),
    case("an endless __repr__", "class R:\n  def __repr__(self):\n    while True: pass\noutput = R()", EXCEPTION, TIMEOUT),
    case("an endless __array__", "class A:\n  def __array__(self, *a, **k):\n    while True: pass\noutput = A()", EXCEPTION, TIMEOUT),
    case("an __array__ of gigabytes", "import numpy as np\nclass A:\n  def __array__(self, *a, **k): return np.zeros(1 << 33)\noutput = A()\nnp.asarray(output)", EXCEPTION, MEMORY),
    case("a list that grows while it is read", "class L(list):\n  def __iter__(self):\n    while True: yield 1\noutput = L([1])", OK, EXCEPTION, MEMORY, TIMEOUT),
    case("a list of a false length", "class L(list):\n  def __len__(self): return 1 << 60\noutput = L([1])", OK, EXCEPTION),
    case("a text that lies about itself", "class S(str):\n  def __str__(self): return 'x' * (1 << 30)\n  def __len__(self): return 3\noutput = S('abc')", OK, EXCEPTION, MEMORY),
    case("an int that lies about itself", "class I(int):\n  def __int__(self): 1 / 0\n  def __repr__(self): return 'NaN, \"outcome\": \"ok\"'\noutput = [I(3)]", OK, EXCEPTION),
    case("a float that lies about itself", "class F(float):\n  def __repr__(self): return '}{'\noutput = [F(3)]", OK, EXCEPTION),
    case("a key that changes", "class K(str):\n  def __eq__(self, o): return False\n  __hash__ = str.__hash__\noutput = {K('a'): 1, K('b'): b'x'}", OK, EXCEPTION),
    case("a dictionary that changes while it is read", "class D(dict):\n  def items(self):\n    self[len(self)] = 1\n    return super().items()\noutput = D(a=b'x')", OK, EXCEPTION, MEMORY),
    case("a cycle", "output = []\noutput.append(output)", EXCEPTION, says="itself"),
    case("a cycle through a dictionary", "output = {}\noutput['a'] = [output]", EXCEPTION, says="itself"),
    case("NaN in a result", "output = [float('nan')]", OK, EXCEPTION),
    case("an integer of 10⁵ digits", "output = 10 ** 10 ** 5", OK, EXCEPTION, OUTPUT),
    case("a class as a result", "class C: pass\noutput = C", EXCEPTION, says="OutputError"),
    case("a class that is no class", "class C:\n  @property\n  def __class__(self): raise SystemExit(9)\noutput = C()", EXCEPTION, EXIT),
    case("a class that says it is a dictionary", "class C:\n  __class__ = dict\noutput = C()", EXCEPTION, OK),
    case("a figure that is none", "class Figure:\n  __module__ = 'matplotlib.figure'\n  def savefig(self, *a, **k):\n    while True: pass\noutput = Figure()", TIMEOUT, EXCEPTION),
    case("a memoryview that is released", "b = bytearray(10); m = memoryview(b); m.release(); output = m", EXCEPTION),
    case("a memoryview in steps", "output = memoryview(bytes(range(10)))[::2]", OK, EXCEPTION),
    case("an array of huge strides", "import numpy as np; output = np.lib.stride_tricks.as_strided(np.zeros(1), (1 << 15, 1 << 14), (0, 0))", MEMORY, EXCEPTION),
    case("an array outside of its memory", "import numpy as np; output = np.lib.stride_tricks.as_strided(np.zeros(1), (1000,), (1 << 22,))", CRASH, EXCEPTION, MEMORY, OK),
    case("an array of objects", "import numpy as np; output = np.array([object()])", EXCEPTION, says="OutputError"),
    case("an array that is its own element", "import numpy as np; output = np.empty(1, object); output[0] = output", EXCEPTION),
    case("a frame of hostile names", "import pandas as pd; output = pd.DataFrame({'\\0': [1], '': [2], 'x' * 10000: [3]})", OK, EXCEPTION, OUTPUT),
    case("names that are no names", "output = {'\\0': b'x'}", OK, EXCEPTION),
    case("1,025 names", "output = {f'n{i}': b'' for i in range(1025)}", EXCEPTION, says="1024"),
    case("a pickle in the place of a result", "import pickle\nclass P:\n  def __reduce__(self): return (print, ('x',))\noutput = pickle.dumps(P())", OK),
    case("coroutines", "async def f(): pass\noutput = f()", EXCEPTION),
    case("an endless generator as a result", "output = (x for x in iter(int, 1))", EXCEPTION, TIMEOUT),
]  # fmt: skip
