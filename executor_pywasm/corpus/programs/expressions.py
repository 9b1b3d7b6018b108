# ruff: noqa: E501 - templates of programs and tables of patterns
"""Expressions of a wanted type, as source text.

Rules: every expression ends quickly and in little memory: exponents, shifts, counts and ranges
are taken modulo something small. It may raise; the program catches that.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

INTEGERS = (
    "0", "1", "2", "3", "7", "10", "-1", "-2", "-7", "255", "256", "1000", "-1000", "65535",
    "2**31-1", "2**31", "-2**31", "2**32", "2**53+1", "2**63", "-2**63-1", "2**64", "10**20",
    "-10**30", "0x7fff", "0b1011", "0o17", "1_000_000", "True", "False",
)  # fmt: skip
FLOATS = (
    "0.0", "-0.0", "1.0", "0.1", "0.2", "0.3", "-1.5", "2.5", "3.5", "1e16", "1e-5", "123456789.125",
    "1e22", "1e23", "5e-324", "2.2250738585072014e-308", "1.7976931348623157e308", "1/3", "2/3",
    "float('inf')", "float('-inf')", "float('nan')", "9007199254740993.0", "1e-7", "100.0", "1e15",
)  # fmt: skip
TEXTS = (
    "''", "'a'", "'abc'", "'Hello, World'", "'  padded\\t'", "'line\\nline two\\r\\nthree'", "'ß'",
    "'Straße'", "'ÀÉ'", "'日本語'", "'🎉x'", "'a,b,,c'", "'123'", "'-4.5'", "'0x1F'", "'x=1;y=2'",
    "'ﬁ'", "'\\x00\\x7f'", "'İi'", "'ΑΣ'", "'aAbB'", "'%s and %d'", "'{} {0}'", "'١٢'", "'e\\u0301'",
)  # fmt: skip
CODECS = ("'utf-8'", "'latin-1'", "'utf-16-le'", "'ascii'")
ERRORS = ("'replace'", "'backslashreplace'", "'strict'")
ENDS = ("'big'", "'little'")
BYTES = ("b''", "b'abc'", "b'\\x00\\xff'", "bytes(range(10))", "'é€'.encode()", "b'a b  c'")

Maker = Callable[["Expressions", int], str]


class Expressions:
    """Makes expressions out of the random numbers of `source`."""

    def __init__(self, source: Random) -> None:
        self.random = source

    def one(self, options: tuple[str, ...] | list[str]) -> str:
        """One of some texts."""
        return options[self.random.randrange(len(options))]

    def small(self, most: int = 9) -> str:
        """A literal integer, `-most` to `most`."""
        return str(self.random.randint(-most, most))

    def of(self, kind: str, depth: int = 2) -> str:
        """An expression of the type `kind`: int, float, str, bytes, list, dict, bool or any."""
        if kind == "any":
            kind = self.one(("int", "float", "str", "bytes", "list", "dict", "bool", "tuple"))
        return getattr(self, f"_{kind}")(depth)

    def _int(self, depth: int) -> str:
        if depth <= 0:
            return f"({self.one(INTEGERS)})"
        a, b = self.of("int", depth - 1), self.of("int", depth - 1)
        return self.one(
            [
                f"({a} {self.one(('+', '-', '*', '//', '%', '&', '|', '^'))} {b})",
                f"({a} ** ({b} % 25))",
                f"({a} {self.one(('<<', '>>'))} ({b} % 70))",
                f"({self.one(('-', '~', '+'))}{a})",
                f"abs({a})",
                f"divmod({a}, {b})[{self.one(('0', '1'))}]",
                f"pow({a}, {b} % 1000, {self.one(INTEGERS)})",
                f"({a}).bit_length()",
                f"len({self.of(self.one(('str', 'list', 'dict', 'bytes')), depth - 1)})",
                f"int({self.of('float', depth - 1)})",
                f"int({self.one(TEXTS)}, {self.one(('0', '10', '16', '36'))})",
                f"round({a}, {self.small(4)})",
                f"sum({self.of('list', depth - 1)})",
                f"max({a}, {b})",
                f"math.gcd({a}, {b})",
                f"math.isqrt({a})",
                f"math.comb({a} % 60, {b} % 20)",
                f"int.from_bytes({self.one(BYTES)}, {self.one(ENDS)}, signed=True)",
                f"ord({self.one(TEXTS)}[{self.small(2)}])",
                f"({a} if {self.of('bool', depth - 1)} else {b})",
            ]
        )

    def _float(self, depth: int) -> str:
        if depth <= 0:
            return self.one(FLOATS)
        a, b, n = (self.of(kind, depth - 1) for kind in ("float", "float", "int"))
        return self.one(
            [
                f"({a} {self.one(('+', '-', '*', '/', '//', '%'))} {b})",
                f"({a} ** {self.small(3)})",
                f"({n} / {self.of('int', depth - 1)})",
                f"float({n})",
                f"float({self.one(TEXTS)})",
                f"round({a}, {self.small(5)})",
                f"math.{self.one(('sqrt', 'floor', 'ceil', 'trunc', 'fabs', 'frexp', 'modf'))}({a})",
                f"math.fmod({a}, {b})",
                f"math.ldexp({a}, {self.small(60)})",
                f"math.nextafter({a}, {b})",
                f"math.copysign({a}, {b})",
                f"math.fsum([{a}, {b}, {a}])",
                f"float.fromhex({a}.hex())",
                f"min({a}, {b})",
            ]
        )

    def _bool(self, depth: int) -> str:
        if depth <= 0:
            return self.one(("True", "False"))
        kind = self.one(("int", "float", "str", "list"))
        a, b = self.of(kind, depth - 1), self.of(kind, depth - 1)
        order = self.one(("<", "<=", "==", "!=", ">", ">="))
        return self.one(
            [
                f"({a} {order} {b})",
                f"({a} {order} {b} {order} {a})",
                f"(not {a})",
                f"bool({a} and {b})",
                f"bool({a} or {b})",
                f"({a} in {self.of(self.one(('list', 'str', 'dict')), depth - 1)})",
                f"isinstance({a}, {self.one(('int', 'str', '(float, list)'))})",
                f"{self.one(('any', 'all'))}({self.of('list', depth - 1)})",
                f"{self.one(TEXTS)}.{self.one(('isdigit', 'isalpha', 'isupper', 'isidentifier'))}()",
            ]
        )

    def _str(self, depth: int) -> str:
        if depth <= 0:
            return self.one(TEXTS)
        a, b = self.of("str", depth - 1), self.of("str", depth - 1)
        method = self.one(
            ("upper", "lower", "title", "swapcase", "capitalize", "casefold", "strip", "lstrip")
        )
        return self.one(
            [
                f"({a} + {b})",
                f"({a} * ({self.small()} % 4))",
                f"{a}{self.slice()}",
                f"{a}.{method}()",
                f"{a}.replace({b}, {self.one(TEXTS)}, {self.small(3)})",
                f"{a}.join({self.one(TEXTS)}.split({self.one(TEXTS)}))",
                f"{a}.{self.one(('center', 'ljust', 'rjust', 'zfill'))}({self.small(20)})",
                f"str({self.of('any', depth - 1)})",
                f"repr({self.of('any', depth - 1)})",
                f"ascii({a})",
                f"{a}.expandtabs({self.small(8)})",
                f"{self.one(('hex', 'bin', 'oct', 'chr'))}({self.of('int', depth - 1)})",
                f"{a}.translate({{97: 'z', 98: None}})",
                f"{a}.removeprefix({b}).removesuffix({b})",
                f"format({self.of('float', depth - 1)}, {self.spec()!r})",
                f"format({self.of('int', depth - 1)}, {self.integer_spec()!r})",
                f'f"{{{self.one(FLOATS)}:{self.spec()}}}|{{{self.one(INTEGERS)}!r:>12}}"',
                f"'%{self.one(('d', 's', 'r', 'x', '08.3f', 'e', 'g', '+d', 'c'))}' % "
                f"({self.of('any', depth - 1)},)",
            ]
        )

    def _bytes(self, depth: int) -> str:
        if depth <= 0:
            return self.one(BYTES)
        a = self.of("bytes", depth - 1)
        return self.one(
            [
                f"({a} + {self.one(BYTES)})",
                f"{a}{self.slice()}",
                f"{a}.{self.one(('upper', 'title', 'strip', 'hex', 'isalnum', 'split'))}()",
                f"{self.of('str', depth - 1)}.encode({self.one(CODECS)})",
                f"bytes({self.of('list', depth - 1)})",
                f"bytearray({a}).replace(b'a', b'zz')",
                f"({self.of('int', depth - 1)}).to_bytes(9, 'big', signed=True)",
                f"{a}.decode('utf-8', {self.one(ERRORS)})",
                f"zlib.decompress(zlib.compress({a}))",
                f"binascii.hexlify({a}) + base64.b85encode({a})",
                f"hashlib.sha256({a}).digest()[:6]",
            ]
        )

    def _list(self, depth: int) -> str:
        if depth <= 0:
            return f"[{', '.join(self.one(INTEGERS) for _ in range(self.random.randint(0, 5)))}]"
        a = self.of("list", depth - 1)
        body = self.one(("x", "x * 2", "-x", "(x, str(x))", "x % 3", "[x]", "x / 2"))
        return self.one(
            [
                f"[{body} for x in {a}]",
                f"[{body} for x in {a} if x {self.one(('>', '<', '!='))} {self.small()}]",
                f"[(x, y) for x in {a} for y in range({self.small()} % 4) if x != y]",
                f"sorted({a}, reverse={self.one(('True', 'False'))})",
                f"sorted({a}, key=lambda v: ({self.one(('str(v)', '-v', 'v % 5', 'repr(v)[::-1]'))}))",
                f"{a}{self.slice()}",
                f"({a} + {self.of('list', depth - 1)})",
                f"list({self.one(('reversed', 'enumerate', 'dict.fromkeys', 'iter', 'tuple'))}({a}))",
                f"list(map({self.one(('str', 'float', 'bool', 'lambda v: v + 1', 'hex'))}, {a}))",
                f"list(zip({a}, {self.of('str', depth - 1)}))",
                f"list({self.of('str', depth - 1)})",
                f"{self.of('str', depth - 1)}.{self.one(('split', 'splitlines', 'rsplit'))}()",
                f"list(range({self.small()}, {self.small(20)}, {self.small(3)}))",
                f"[*{a}, {self.of('any', depth - 1)}, *{self.of('tuple', depth - 1)}]",
                f"list(itertools.{self.iteration(a)})",
            ]
        )

    def iteration(self, a: str) -> str:
        """A call of `itertools` with the list `a`."""
        return self.one(
            [
                f"accumulate({a})",
                f"chain({a}, {a}[:1])",
                f"combinations({a}[:5], {self.small(3)})",
                f"permutations({a}[:4], 2)",
                f"product({a}[:3], repeat=2)",
                f"islice({a}, 1, {self.small(8)}, 2)",
                f"takewhile(lambda v: v, {a})",
                f"dropwhile(lambda v: v, {a})",
                f"zip_longest({a}, 'ab', fillvalue=None)",
                f"pairwise({a})",
                f"starmap(lambda *v: v, zip({a}, {a}))",
                f"compress({a}, itertools.cycle([1, 0]))",
            ]
        )

    def _tuple(self, depth: int) -> str:
        return f"({', '.join(self.of('any', depth - 1) for _ in range(self.random.randint(0, 3)))},)".replace(
            "(,)", "()"
        )

    def _dict(self, depth: int) -> str:
        if depth <= 0:
            return "{'k': 1, 2: 'two', (3, 4): None}"
        a, k = self.of("dict", depth - 1), self.of(self.one(("int", "str", "tuple")), depth - 1)
        return self.one(
            [
                f"{{{k}: {self.of('any', depth - 1)}, **{a}}}",
                f"({a} | {{{k}: 0}})",
                f"{{k: v for v, k in {a}.items()}}",
                f"{{x: str(x) for x in {self.of('list', depth - 1)}}}",
                f"dict(zip({self.of('str', depth - 1)}, {self.of('list', depth - 1)}))",
                f"dict(sorted({a}.items(), key=repr))",
                f"dict(collections.Counter({self.of('str', depth - 1)}).most_common(3))",
            ]
        )

    def slice(self) -> str:
        """An index or a slice."""
        parts = [self.one(("", self.small(6))) for _ in range(3)]
        return self.one((f"[{self.small(5)}]", f"[{':'.join(parts[:2])}]", f"[{':'.join(parts)}]"))

    def spec(self) -> str:
        """A format specification for a float."""
        return (
            self.one(("", "*<", ">", "^", "0=", "é^"))
            + self.one(("", "+", " ", "-"))
            + self.one(("", "#", "0"))
            + self.one(("", "12", "3"))
            + self.one(("", ",", "_"))
            + self.one(("", ".3", ".0", ".17"))
            + self.one(("", "e", "f", "g", "%", "G", "n"))
        )

    def integer_spec(self) -> str:
        """A format specification for an integer."""
        return (
            self.one(("", "*<", "^", "0="))
            + self.one(("", "+", " "))
            + self.one(("", "#"))
            + self.one(("", "14", "05"))
            + self.one(("", ",", "_"))
            + self.one(("", "d", "x", "X", "b", "o", "c", "e"))
        )
