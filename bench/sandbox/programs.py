"""The programs of the comparison, as text that every peer gets unchanged.

Rules: no imports beside those that a case is about, so that a peer which lacks the standard library
can take part; what they print is the same everywhere, and is compared.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Program:
    """One case."""

    name: str
    code: str
    said: str = ""
    """What it prints; empty: what native CPython prints."""


PRINT = Program("print(2+2)", "print(2+2)", "4\n")

NUMPY = Program(
    "np.arange(10).sum()", "import numpy as np\nprint(int(np.arange(10).sum()))", "45\n"
)

PANDAS = Program(
    "small pandas groupby",
    """
import pandas as pd
frame = pd.DataFrame({"k": ["a", "b", "a", "c"] * 25, "v": range(100)})
print(frame.groupby("k").v.sum().to_dict())
""",
    "{'a': 2450, 'b': 1225, 'c': 1275}\n",
)

FACTORIAL = Program(
    "factorial of 1000",
    """
product = 1
for i in range(2, 1001):
    product *= i
print(product)
""",
)

SORT = Program(
    "sort of 10k",
    """
x = 1
numbers = []
for _ in range(10_000):
    x = x * 1103515245 % 2147483648 + 12345
    numbers.append(x)
numbers.sort()
print(numbers[0], numbers[5000], numbers[-1])
""",
)

JSON = Program(
    "1 MB of JSON",
    """
import json
rows = [
    {"id": i, "name": f"item {i}", "tags": ["red", "green"], "price": i * 0.5}
    for i in range(14_000)
]
text = json.dumps(rows)
back = json.loads(text)
print(len(text), back[-1]["name"], back == rows)
""",
)

LOOP = Program(
    "loop of 10^6",
    """
total = 0
for i in range(1_000_000):
    total += i & 3
print(total)
""",
)
