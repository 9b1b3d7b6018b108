# ruff: noqa: E501 - a table, one program a line
"""Programs that look into the runtime, and at what is not theirs."""

from __future__ import annotations

from hostile.case import CRASH, EXCEPTION, EXIT, MEMORY, OK, TIMEOUT, case
from hostile.forging import FIND_BLOCK

CASES = [
    case("frames", "import sys\nf = sys._getframe()\nwhile f.f_back: f = f.f_back\nf.f_globals.clear()\noutput = 1", OK, CRASH, EXCEPTION),
    case("all objects", "import gc\nn = 0\nfor o in gc.get_objects(): n += 1\noutput = 1", OK, result=1),
    case("subclasses", "output = len(object.__subclasses__()) > 0", OK, result=True),
    case("patched builtins", "import builtins\nbuiltins.len = builtins.print = builtins.isinstance = None\noutput = 1", OK, EXCEPTION, CRASH),
    case("the environment", "import os; output = sorted(os.environ)", OK),
    case("the whole of memory", FIND_BLOCK + "import numpy as np\nn = len(block)\noutput = n", OK),
    case("the globals of every function", "import gc, types\nfor f in gc.get_objects():\n  if isinstance(f, types.FunctionType):\n    f.__globals__\noutput = 1", OK, result=1),
    case("functions exchanged", "import gc, types\ng = (lambda *a, **k: None).__code__\nn = 0\nfor f in gc.get_objects():\n  if isinstance(f, types.FunctionType) and f.__module__ and 'edgemesh' in f.__module__:\n    try: f.__code__ = g\n    except ValueError: pass\noutput = 1", OK, CRASH, EXCEPTION, EXIT),
    case("classes taken apart", "for c in object.__subclasses__():\n  for n in list(vars(c)):\n    try: delattr(c, n)\n    except (TypeError, AttributeError): pass\noutput = 1", OK, EXCEPTION, CRASH),
    case("constants written to", "import numpy as np\nclass M: __array_interface__ = {'data': (id(1) + 8, False), 'shape': (64,), 'typestr': '|u1', 'version': 3}\nnp.asarray(M())[:] = 7", CRASH, EXCEPTION, OK, TIMEOUT, EXIT, MEMORY),
    case("true made false", "import numpy as np\nclass M: __array_interface__ = {'data': (id(True), False), 'shape': (12,), 'typestr': '|u1', 'version': 3}\nclass N: __array_interface__ = {'data': (id(False), False), 'shape': (12,), 'typestr': '|u1', 'version': 3}\nnp.asarray(M())[:] = np.asarray(N())\noutput = True", OK, CRASH, EXCEPTION, TIMEOUT),
    case("every word of memory written, from behind", "import numpy as np\nclass M: __array_interface__ = {'data': (1 << 16, False), 'shape': (64 << 20,), 'typestr': '|u1', 'version': 3}\nx = np.asarray(M())\nx[::-4096] ^= 1", CRASH, TIMEOUT, EXCEPTION, OK, EXIT, MEMORY),
    case("the secret of hashes", "import sys; output = [sys.hash_info.algorithm, hash('x') == hash('x')]", OK),
    case("the names of the host's files", "import sys\noutput = [f for m in list(sys.modules.values()) for f in [getattr(m, '__file__', '')] if f and ('/site-packages/' in f or '/home/' in f)]", OK, result=[]),
]  # fmt: skip
