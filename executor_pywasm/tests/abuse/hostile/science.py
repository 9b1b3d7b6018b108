# ruff: noqa: E501 - a table, one program a line
"""The libraries of science, asked for too much."""

from __future__ import annotations

from hostile.case import CRASH, EXCEPTION, EXIT, MEMORY, OK, TIMEOUT, case

CASES = [
    case("an array of 10¹² numbers", "import numpy as np; np.zeros(10 ** 12)", EXCEPTION, MEMORY),
    case("an array of 2³¹ bytes", "import numpy as np; np.ones(2 ** 31 - 1, 'u1')", MEMORY, EXCEPTION),
    case("a shape that overflows", "import numpy as np; np.zeros((2 ** 16, 2 ** 16, 2 ** 16))", EXCEPTION, MEMORY, says="Error"),
    case("broadcasting without bounds", "import numpy as np; a = np.ones(10 ** 5); a[:, None] * a", MEMORY, EXCEPTION),
    case("einsum without bounds", "import numpy as np; np.einsum('ij,kl->ijkl', *[np.ones((200, 200))] * 2)", MEMORY, EXCEPTION),
    case("repeat", "import numpy as np; np.repeat(np.ones(10), 10 ** 9)", MEMORY, EXCEPTION),
    case("a memory map", "import numpy as np; np.memmap('/tmp/x', mode='w+', shape=10)", EXCEPTION),
    case("a pickled array", "import io, numpy as np\nb = io.BytesIO(); np.save(b, np.array([print], object), allow_pickle=True); b.seek(0); np.load(b)", EXCEPTION, says="ValueError"),
    case("an .npy of a false shape", "import io, numpy as np; np.load(io.BytesIO(b\"\\x93NUMPY\\x01\\x00\\x76\\x00{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000,), }\" + b' ' * 49 + b'\\n'))", EXCEPTION, MEMORY),
    case("a sort of objects that lie", "import numpy as np\nclass L:\n  def __lt__(self, o): return True\nnp.sort(np.array([L() for _ in range(10 ** 6)], object))", TIMEOUT, MEMORY, OK, EXCEPTION),
    case("a ufunc of the user's, for ever", "import numpy as np\ndef f(x):\n  while True: pass\nnp.frompyfunc(f, 1, 1)(np.arange(3))", TIMEOUT),
    case("an out of its own memory", "import numpy as np; a = np.arange(10 ** 6); np.add(a[:-1], a[1:], out=a[1:]); output = 1", OK, result=1),
    case("matrix powers", "import numpy as np; np.linalg.matrix_power(np.random.rand(800, 800), 10 ** 6)", TIMEOUT, MEMORY),
    case("a polynomial of great degree", "import numpy as np; np.roots(np.random.rand(3000))", TIMEOUT, MEMORY),
    case("pandas: a cross join", "import pandas as pd; d = pd.DataFrame({'k': [1] * 10 ** 5}); d.merge(d, on='k')", MEMORY, EXCEPTION, TIMEOUT),
    case("pandas: a pivot without bounds", "import pandas as pd, numpy as np; n = np.arange(10 ** 5); pd.DataFrame({'a': n, 'b': n, 'c': n}).pivot(index='a', columns='b', values='c')", MEMORY, EXCEPTION, TIMEOUT),
    case("pandas: an index of a million years", "import pandas as pd; pd.date_range('1800', '2200', freq='s')", MEMORY, EXCEPTION, TIMEOUT),
    case("pandas: eval", "import pandas as pd; pd.eval('__import__(\"os\").system(\"ls\")')", EXCEPTION),
    case("pandas: query that calls", "import pandas as pd; pd.DataFrame({'a': [1]}).query('@__builtins__.exit(3)')", EXCEPTION, EXIT),
    case("pandas: read a url", "import pandas as pd; pd.read_csv('http://127.0.0.1/x.csv')", EXCEPTION),
    case("pandas: a csv of a million columns", "import io, pandas as pd; pd.read_csv(io.StringIO(','.join(map(str, range(10 ** 6)))))", TIMEOUT, MEMORY, OK, EXCEPTION),
    case("pandas: read_pickle", "import io, pickle, pandas as pd\nclass P:\n  def __reduce__(self): return (exec, ('while True: pass',))\npd.read_pickle(io.BytesIO(pickle.dumps(P())))", TIMEOUT),
    case("scipy: an integral without an end", "from scipy.integrate import quad\nimport math\nwhile True: quad(lambda x: math.sin(1 / x), 1e-9, 1, limit=10 ** 6)", TIMEOUT, MEMORY),
    case("scipy: a dense sparse matrix", "import scipy.sparse as s; s.eye(10 ** 6).toarray()", MEMORY, EXCEPTION),
    case("scipy: distances without bounds", "import numpy as np\nfrom scipy.spatial.distance import pdist\npdist(np.random.rand(10 ** 5, 2))", MEMORY, EXCEPTION),
    case("scipy: an optimiser without an end", "from scipy.optimize import minimize\nwhile True: minimize(lambda x: (x ** 2).sum(), [1.0] * 50, method='Nelder-Mead')", TIMEOUT),
    case("sklearn: a forest", "import numpy as np\nfrom sklearn.ensemble import RandomForestClassifier\nRandomForestClassifier(10 ** 6).fit(np.random.rand(1000, 10), np.arange(1000) % 2)", TIMEOUT, MEMORY, EXCEPTION),
    case("sklearn: all processors", "import numpy as np\nfrom sklearn.cluster import KMeans\nKMeans(500, n_init=1000).fit(np.random.rand(5000, 10))", TIMEOUT, MEMORY, EXCEPTION),
    case("matplotlib: a huge canvas", "import matplotlib.pyplot as plt; plt.figure(figsize=(1000, 1000), dpi=1000).savefig('/tmp/x.png')", EXCEPTION, MEMORY),
    case("matplotlib: too many pixels", "import matplotlib.pyplot as plt; output = plt.figure(figsize=(100, 100), dpi=600)", EXCEPTION, MEMORY, TIMEOUT),
    case("matplotlib: a million points", "import matplotlib.pyplot as plt, numpy as np; plt.scatter(*np.random.rand(2, 10 ** 6)); output = plt.gcf()", TIMEOUT, MEMORY, EXCEPTION),
    case("matplotlib: ticks without number", "import matplotlib.pyplot as plt, numpy as np; plt.plot([0, 1]); plt.xticks(np.arange(0, 1, 1e-7)); output = plt.gcf()", TIMEOUT, MEMORY, EXCEPTION),
    case("matplotlib: formulas within formulas", "import matplotlib.pyplot as plt; plt.title('$' + r'\\frac{1}{' * 200 + 'x' + '}' * 200 + '$'); output = plt.gcf()", TIMEOUT, EXCEPTION, CRASH, OK, MEMORY),
    case("matplotlib: figures left open", "import matplotlib.pyplot as plt\nwhile True: plt.figure()", TIMEOUT, MEMORY, EXCEPTION),
    case("sympy: a hard integral", "import sympy as s; x = s.Symbol('x'); s.integrate(s.exp(s.sin(x)) * s.log(x) / (1 + x ** 5), x)", TIMEOUT, MEMORY, OK),
    case("sympy: a factorial", "import sympy; sympy.factorial(10 ** 8)", TIMEOUT, MEMORY, EXCEPTION),
    case("sympy: text that is code", "import sympy; sympy.sympify('__import__(\"os\").system(\"ls\")')", EXCEPTION),
    case("statsmodels: a singular fit", "import numpy as np, statsmodels.api as sm; output = len(sm.OLS(np.ones(100), np.zeros((100, 50))).fit().params)", OK, EXCEPTION),
]  # fmt: skip
