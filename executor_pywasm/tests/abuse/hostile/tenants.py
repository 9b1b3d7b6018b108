# ruff: noqa: E501 - a table, one program a line
"""What the next caller would find, were it left."""

from __future__ import annotations

from hostile.case import CRASH, EXCEPTION, OK, TIMEOUT, case

CASES = [
    case("builtins marked", "import builtins; builtins.left = 1; output = 1", OK, result=1),
    case("modules marked", "import sys, types\nfor m in list(sys.modules.values()): \n  try: m.left = 1\n  except (AttributeError, TypeError): pass\noutput = 1", OK, EXCEPTION, CRASH),
    case("modules put in the place of others", "import sys, types\nsys.modules['json'] = sys.modules['os'] = types.ModuleType('left')\noutput = 1", OK, EXCEPTION, CRASH),
    case("print exchanged", "import builtins, sys\nbuiltins.print = lambda *a, **k: sys.stderr.write('left')\nbuiltins.sum = lambda *a: 13\noutput = 1", OK, result=1),
    case("files left behind", "open('/tmp/left', 'w').write('x'); output = 1", OK, result=1),
    case("the folder changed", "import os; os.chdir('/tmp'); os.environ['LEFT'] = '1'; output = 1", OK, result=1),
    case("hooks left behind", "import sys, atexit\nsys.excepthook = sys.displayhook = sys.unraisablehook = lambda *a: None\natexit.register(lambda: print('left'))\noutput = 1", OK, result=1),
    case("seeds set", "import random, numpy as np\nrandom.seed(1); np.random.seed(1); output = 1", OK, result=1),
    case("limits lifted", "import sys, gc\nsys.setrecursionlimit(10 ** 8); sys.set_int_max_str_digits(0); gc.disable(); output = 1", OK, result=1),
    case("decimals and locales set", "import decimal, locale, warnings\ndecimal.getcontext().prec = 3; decimal.DefaultContext.prec = 3; warnings.simplefilter('error'); output = 1", OK, result=1),
    case("options of numpy and pandas", "import numpy as np, pandas as pd\nnp.seterr(all='raise'); np.set_printoptions(precision=1); pd.options.display.max_rows = 1; output = 1", OK, result=1),
    case("types marked", "import numpy as np, pandas as pd, collections, enum\npd.DataFrame.left = collections.OrderedDict.left = 1\npd.DataFrame.sum = lambda *a: 13\noutput = 1", OK, EXCEPTION),
    case("the last exception kept", "import sys\ntry: 1 / 0\nexcept ZeroDivisionError as e: sys.last_exc = e\noutput = 1", OK, result=1),
    case("a crash with a secret on the stack", "secret = 'correct-horse'\nimport os; os.abort()", CRASH),
    case("a stop with a secret in memory", "x = ['correct-horse' * 1000 for _ in range(100)]\nwhile True: pass", TIMEOUT),
]  # fmt: skip
