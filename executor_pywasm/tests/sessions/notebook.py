"""A notebook of fifty cells, and what each is to give, in one process or moved between several."""
# ruff: noqa: E501 - a cell a line

from __future__ import annotations

from typing import Any

_HEAD: list[tuple[str, Any]] = [
    ("import numpy as np, pandas as pd, sqlite3, random, time", None),
    ("import matplotlib.pyplot as plt", None),
    (
        "class Account:\n    def __init__(self): self.rows = []\n    def add(self, n):\n        self.rows.append(n)\n        return sum(self.rows)\naccount = Account()",
        None,
    ),
    (
        "def fibonacci():\n    a, b = 0, 1\n    while True:\n        yield a\n        a, b = b, a + b\nnumbers = fibonacci()",
        None,
    ),
    (
        "db = sqlite3.connect('/tmp/rows.db')\ndb.execute('create table rows (n integer, square integer)')\ndb.executemany('insert into rows values (?, ?)', [(n, n * n) for n in range(100)])\ndb.commit()\ncursor = db.execute('select square from rows order by n')",
        None,
    ),
    ("log = open('/tmp/log.txt', 'w+'); log.write('begun\\n'); log.flush()", None),
    ("frame = pd.DataFrame({'k': list('abcd') * 25, 'v': np.arange(100.0)}); len(frame)", 100),
    (
        "random.seed(7); expected = [random.Random(7).random()]; first = random.random(); first == expected[0]",
        True,
    ),
    (
        "state = np.random.RandomState(3); reference = np.random.RandomState(3).rand(40).tolist()",
        None,
    ),
    ("figure, axes = plt.subplots(); axes.plot([1, 2, 3]); plt.get_fignums()", [1]),
]
_FIBONACCI = [0, 1, 1, 2, 3, 5, 8, 13, 21, 34]
_BODY: list[tuple[str, Any]] = []
for at in range(10):
    _BODY += [
        (f"account.add({at}), next(numbers)", [sum(range(at + 1)), _FIBONACCI[at]]),
        ("cursor.fetchone()[0]", at * at),
        (
            f"frame['v'] = frame['v'] + 1; frame.groupby('k').v.sum().loc['a'] - {at + 1} * 25",
            1200.0,
        ),
        (f"_ = log.write('cell {at}\\n'); state.rand() == reference[{at}]", True),
    ]
CELLS = _HEAD + _BODY
END = (
    "log.seek(0); [len(log.read().splitlines()), plt.get_fignums(), db.execute('select count(*) from rows').fetchone()[0], type(account).__name__]",
    [11, [1], 100, "Account"],
)


def plain(value: Any) -> Any:
    """A result as compared: tuples cross as tagged lists."""
    if isinstance(value, dict) and value.get("$type") == "tuple":
        return [plain(item) for item in value["items"]]
    return [plain(item) for item in value] if isinstance(value, list | tuple) else value
