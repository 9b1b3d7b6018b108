# ruff: noqa: E501 - a table, one program a line
"""Programs that only compute, for ever."""

from __future__ import annotations

from hostile.case import EXCEPTION, MEMORY, OK, TIMEOUT, case

CASES = [
    case("loop that catches everything", "while True:\n  try:\n    while True: pass\n  except BaseException: pass", TIMEOUT),
    case("huge power", "10 ** 10 ** 8", TIMEOUT),
    case("catastrophic regex", "import re; re.match(r'(a+)+$', 'a' * 40 + 'b')", TIMEOUT),
    case("long sum", "sum(range(10 ** 12))", TIMEOUT),
    case("endless generator", "import itertools; list(zip(itertools.count(), iter(int, 1), strict=False))", TIMEOUT, MEMORY),
    case("digits of a huge int", "import sys; sys.set_int_max_str_digits(0); str(1 << 10 ** 7)", TIMEOUT),
    case("hash collisions", "d = {}\nfor i in range(10 ** 6): d[i * (2 ** 31 - 1)] = 0", TIMEOUT, MEMORY),
    case("svd of a large matrix", "import numpy as np; np.linalg.svd(np.random.rand(1500, 1500))", TIMEOUT, MEMORY),
    case("a million comparisons in C", "sorted(range(10 ** 7), key=lambda i: -i)", TIMEOUT, MEMORY),
    case("a bare loop", "while True: pass", TIMEOUT),
    case("a loop in a finally", "try:\n  1 / 0\nfinally:\n  while True: pass", TIMEOUT),
    case("a stop that is caught for ever", "import contextlib\nwhile True:\n  with contextlib.suppress(BaseException):\n    sum(range(10 ** 9))", TIMEOUT),
    case("a regex of nested groups", "import re; re.fullmatch(r'((a|aa)+b?)+$', 'a' * 60 + 'c')", TIMEOUT),
    case("a regex of backreferences", "import re; re.match(r'(.*)(.*)(.*)(.*)(.*)\\1\\2\\3\\4\\5x', 'ab' * 40)", TIMEOUT),
    case("a decimal of a billion digits", "from decimal import *; getcontext().prec = MAX_PREC; Decimal(2) / Decimal(3)", TIMEOUT, MEMORY, EXCEPTION),
    case("decimal powers", "from decimal import *; getcontext().prec = 10 ** 6; Decimal(3) ** Decimal('0.5')", TIMEOUT, MEMORY, OK),
    case("fractions that grow", "from fractions import Fraction as F\nx = F(1, 3)\nwhile True: x = x * x + F(1, 7)", TIMEOUT, MEMORY),
    case("digits of text", "int('9' * 4000) ** 4000", TIMEOUT, OK, EXCEPTION),
    case("text of too many digits", "import sys; sys.set_int_max_str_digits(0); int('9' * 10 ** 7)", TIMEOUT, MEMORY),
    case("all permutations", "import itertools; max(itertools.permutations(range(30)))", TIMEOUT),
    case("a comprehension without an end", "{x for x in iter(int, 1)}", TIMEOUT, MEMORY),
    case("comparing what is deep and equal", "a = b = ()\nfor _ in range(40): a, b = (a, a), (b, b)\na == b", TIMEOUT, MEMORY, OK),
    case("a dictionary of one hash", "class K:\n  def __hash__(self): return 1\n  def __eq__(self, o): return False\nd = {K(): i for i in range(10 ** 5)}", TIMEOUT),
    case("sorting what lies", "import random\nclass L(int):\n  def __lt__(self, o): return random.random() < 0.5\nwhile True: sorted(map(L, range(10 ** 4)))", TIMEOUT),
    case("a million exceptions", "while True:\n  try: raise ValueError\n  except ValueError: pass", TIMEOUT),
    case("compiling for ever", "while True: compile('x = 1\\n' * 10000, 'x', 'exec')", TIMEOUT, MEMORY),
    case("json of a huge number", "import json, sys; sys.set_int_max_str_digits(0); json.loads('1' * 10 ** 7)", TIMEOUT, MEMORY),
    case("hashing for ever", "import hashlib\nh = hashlib.sha256()\nwhile True: h.update(bytes(1 << 20))", TIMEOUT),
    case("scrypt of much memory", "import hashlib; hashlib.scrypt(b'x', salt=b'y', n=1 << 20, r=8, p=1, maxmem=1 << 31)", EXCEPTION, MEMORY, TIMEOUT),
]  # fmt: skip
