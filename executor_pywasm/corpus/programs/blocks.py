# ruff: noqa: E501 - templates of programs and tables of patterns
"""Blocks of statements, each about one part of the language or the library.

Rules: a block stands alone and prints what it found; what it raises is caught around it.
"""

from __future__ import annotations

from corpus.programs.expressions import Expressions

PATTERNS = (
    r"(\\w+)\\s*=\\s*(\\d+)", r"[aeiou]+", r"(?P<a>.)(?P<b>.)?", r"^\\s*$", r"(a|b)*c", r"\\d{2,3}",
    r"(?i)HELLO", r"(?<=,)\\w", r"\\b\\w", r"(.)\\1", r"[^\\W\\d_]+", r"(?m)^line", r"(?s).+?n", "(",
    r"x*?", r"(?:ab?)++", r"\\s+|,",
)  # fmt: skip
REPLACEMENTS = ("r'<\\g<0>>'", "lambda m: m[0].upper()", "r'\\1'", "''")
DATES = ("2026-02-28", "2000-02-29", "1999-12-31T23:59:59.999999", "0001-01-01", "9998-12-31")


def assignments(e: Expressions) -> str:
    """Values computed and changed in place."""
    kind = e.one(("int", "float", "str", "list", "bytes"))
    operator = e.one(("+=", "*=", "-=", "//=", "%=", "|="))
    return f"""
x = {e.of(kind, 3)}
y = x
y {operator} {e.of(kind if operator != "*=" else "bool", 1)}
print(repr(x), repr(y), type(y).__name__, x is y or x == y)
a, *b, c = {e.of(e.one(("str", "list", "tuple")), 2)}
print(a, b, c)
"""


def expression(e: Expressions) -> str:
    """The values of some expressions."""
    kinds = ("int", "float", "str", "bytes", "list", "dict", "bool", "tuple", "any")
    return "\n".join(f"print(repr({e.of(e.one(kinds), 3)}))" for _ in range(2))


def classes(e: Expressions) -> str:
    """Inheritance, properties, special methods."""
    base = e.one(("object", "int", "list", "str", "dict"))
    operator = e.one(("+", "*", "@", "<", "==", "//"))
    name = {"+": "add", "*": "mul", "@": "matmul", "<": "lt", "==": "eq", "//": "floordiv"}[
        operator
    ]
    return f"""
class A({base}):
    kind = {e.of("any", 1)}
    def __init_subclass__(cls, **kw): print('subclass', cls.__name__, kw)
    def __{name}__(self, other): return ('A', repr(other))
    @property
    def p(self): return self._p
    @p.setter
    def p(self, value): self._p = value; print('set', value)
    def __getattr__(self, name): return f'no {{name}}' if name != '_p' else 7
    def __repr__(self): return f'<{{type(self).__name__}}>'
class B(A, x={e.small()}):
    def __r{name}__(self, other): return ('B', other)
    def __call__(self, *a, k=1, **kw): return a, k, kw
    def __len__(self): return {e.small()}
b = B()
b.p = {e.of("any", 1)}
print(b.p, b.q, b.kind, [c.__name__ for c in B.__mro__], b(*[1, 2], z=3))
print(b {operator} {e.of("any", 1)})
print({e.one(INTEGERS_AND_TEXT)} {operator} b)
print(bool(b), len(b))
"""


INTEGERS_AND_TEXT = ("3", "'t'", "[1]", "None", "2.5")


def closures(e: Expressions) -> str:
    """Functions that keep, decorate and default."""
    return f"""
def counter(start={e.of("int", 1)}, *, step={e.small()}):
    def next_(by=step):
        nonlocal start
        start += by
        return start
    return next_
c = counter()
print(c(), c({e.of("int", 1)}), [f(2) for f in [lambda x, n=n: x * n for n in range(4)]])
@functools.lru_cache
def fib(n): return n if n < 2 else fib(n - 1) + fib(n - 2)
print(fib({e.random.randint(0, 90)}), fib.cache_info())
def args(a, /, b=2, *rest, c, d={e.of("any", 1)}, **more): return a, b, rest, c, d, more
print(args({e.of("any", 1)}, *{e.of("list", 1)}, {e.one(("c=1", "c=1, e=2", "a=3, c=0", "x=1", ""))}))
print(functools.reduce(lambda a, b: {e.one(("a + b", "(a, b)", "a if a > b else b"))}, {e.of("list", 2)}))
"""


def generators(e: Expressions) -> str:
    """Generators that are sent to, thrown into and closed."""
    return f"""
def g(n):
    total = 0
    try:
        while total < n:
            try:
                got = yield total
                total += abs(int(got)) % 5 + 1 if got else 1
            except {e.one(("ValueError", "KeyError", "(ValueError, TypeError)"))} as error:
                yield f'caught {{error!r}}'
        return 'end'
    finally:
        print('closed at', total)
def outer(n):
    result = yield from g(n)
    print('result', result)
    yield {e.of("any", 1)}
i = outer({e.random.randint(1, 8)})
print(next(i), i.send({e.of("int", 0)}))
print(i.throw({e.one(("ValueError('v')", "KeyError('k')", "GeneratorExit", "RuntimeError()"))}))
print(list(i))
i.close()
print(list(x for x in {e.of("list", 2)} if x), sum(len(str(v)) for v in {e.of("tuple", 2)}))
"""


def exceptions(e: Expressions) -> str:
    """Raising, chaining, groups, `finally` and `with`."""
    error = e.one(("ValueError", "KeyError", "ZeroDivisionError", "OSError", "StopIteration"))
    return f"""
class Manager:
    def __enter__(self): print('enter'); return self
    def __exit__(self, kind, value, trace): print('exit', kind and kind.__name__); return {e.of("bool", 1)}
def f(x):
    try:
        with Manager() as m:
            print({e.of("any", 3)})
            raise {error}({e.of("any", 1)}) from {e.one(("None", "TypeError('cause')"))}
        print('after')
    except ({error}, TypeError) as caught:
        print('caught', type(caught).__name__, caught.args, caught.__cause__)
        if x: return 'returned'
        raise
    else:
        print('else')
    finally:
        print('finally')
        {e.one(("pass", "x += 1", "print(x / 0)"))}
    return 'end'
print(f({e.small(2)}))
try:
    raise ExceptionGroup('g', [{error}('a'), ExceptionGroup('h', [TypeError('b'), ValueError('c')])])
except* {e.one(("TypeError", "ValueError", "LookupError"))} as group:
    print(repr(group), group.message)
"""


def matching(e: Expressions) -> str:
    """Match statements."""
    return f"""
import dataclasses
@dataclasses.dataclass(order=True, frozen={e.of("bool", 0)})
class P:
    x: int
    y: object = {e.one(("0", "'t'", "None", "(1, 2)"))}
    z: list = dataclasses.field(default_factory=list, compare=False)
def kind(v):
    match v:
        case 0 | 1.5 | 'a' | None: return 'literal'
        case {e.small(3)}: return 'number'
        case bool(b): return f'bool {{b}}'
        case int(n) if n > {e.small()}: return f'large {{n}}'
        case [x, *rest, y] if x != y: return f'ends {{x!r}} {{rest}} {{y!r}}'
        case [] | [_]: return 'short'
        case {{'k': value, **others}}: return f'k {{value}} {{len(others)}}'
        case P(x, y=(1, t)): return f'P {{x}} {{t}}'
        case P(): return repr(v)
        case str() as s: return s[::-1]
        case _: return type(v).__name__
p = P({e.of("int", 1)})
for v in ({e.of("any", 1)}, {e.of("list", 2)}, {e.of("dict", 1)}, p, [p], {e.of("str", 1)}):
    print(kind(v))
print(dataclasses.astuple(p), p < P({e.small()}), dataclasses.replace(p, x=1))
p.x = 4
"""


def dates(e: Expressions) -> str:
    """Dates, times, their differences and formats."""
    unit = e.one(("days", "hours", "microseconds", "weeks", "milliseconds"))
    return f"""
d = datetime.datetime.fromisoformat({e.one(DATES)!r}).replace(tzinfo={e.one(("None", "datetime.timezone.utc"))})
t = datetime.timedelta({unit}={e.of(e.one(("int", "float")), 1)})
print(t, repr(t), t.total_seconds(), t // 7, t % datetime.timedelta(hours=5))
print(d + t, (d + t).isoformat(), d.weekday(), d.isocalendar(), d.timetuple().tm_yday)
print(d.strftime('{e.one(("%A %d %B %Y", "%j %U %w", "%H:%M:%S.%f", "%x %X", "%y%m%d"))}'), d.date() - datetime.date(2024, 2, 29))
print(d.astimezone(datetime.timezone(datetime.timedelta(minutes={e.small(600)}))))
print(datetime.datetime.strptime('{e.one(("31/12/2025", "1/1/1970", "30/2/2025", "x"))}', '%d/%m/%Y'))
print(datetime.date.fromordinal({e.random.randint(-5, 4_000_000)}))
"""


def patterns(e: Expressions) -> str:
    """Regular expressions."""
    pattern, text = e.one(PATTERNS).replace("\\\\", "\\"), e.of("str", 2)
    return f"""
p, s = {pattern!r}, {text}
print([m.span() for m in re.finditer(p, s)], re.split(p, s, maxsplit=3))
m = re.search(p, s)
print(m and (m.group(), m.groups(), m.groupdict(), m.lastgroup))
print(re.sub(p, {e.one(REPLACEMENTS)}, s), re.fullmatch(p, s))
print(re.escape(s), re.compile(p).flags)
"""


def records(e: Expressions) -> str:
    """JSON, struct, csv and base 64, there and back."""
    form = e.one(("<", ">", "=", "!")) + e.one(
        ("b", "H", "i", "Iq", "d", "f", "5s", "?", "e", "3h")
    )
    return f"""
v = {e.of(e.one(("any", "dict", "list")), 3)}
j = json.dumps(v, indent={e.one(("None", "1"))}, sort_keys={e.of("bool", 0)}, ensure_ascii={e.of("bool", 0)})
print(j)
print(repr(json.loads(j)), json.loads(j) == v)
s = struct.pack({form!r}, *[{e.of(e.one(("int", "float", "bytes")), 1)}])
print(s.hex(), struct.unpack({form!r}, s), struct.calcsize({form!r}))
"""


def documents(e: Expressions) -> str:
    """JSON that may be malformed, CSV, URLs, XML and text of several lines."""
    text = e.one(
        ("[1,]", '{"a": 1e400}', '"\\\\ud800"', "nul", '{"a": [1, 2, {"b": null}]}', "[1 2]", "-")
    )
    return f"""
file = io.StringIO()
csv.writer(file, quoting=csv.QUOTE_{e.one(("MINIMAL", "ALL", "NONNUMERIC"))}).writerow([{e.of("any", 2)}, {e.of("str", 2)}])
print(repr(file.getvalue()), list(csv.reader(io.StringIO(file.getvalue()))))
print(urllib.parse.quote({e.of("str", 1)}), urllib.parse.urlsplit('http://a:8/b;c?d={e.small()}#e').query)
print(textwrap.fill({e.of("str", 2)} * 9, {e.random.randint(5, 30)}), html.escape({e.of("str", 1)}))
print(list(difflib.unified_diff({e.of("str", 1)}.split(), {e.of("str", 1)}.split(), lineterm='')))
print(json.loads({text!r}))
"""


def numbers(e: Expressions) -> str:
    """Fractions, decimals, statistics, complex numbers."""
    return f"""
F, D = fractions.Fraction, decimal.Decimal
a, b = F({e.of("int", 1)}, {e.of("int", 0)} or 1), F(str({e.one(("0.125", "-3", "1e3", "2.75"))}))
print(a + b, a / b, a ** {e.small(3)}, round(a, 2), a.limit_denominator(10), float(b), a < b)
x, y = D(repr({e.of("float", 0)})), D('{e.one(("1.10", "-0", "1E+5", "3.14159265358979", "7"))}')
print(x + y, x * y, y.quantize(D('.01')), x / y, y.sqrt(), x.compare(y), y.as_tuple())
print({e.of("float", 1)} * 1j + {e.of("int", 1)}, abs(complex({e.small()}, {e.small()})), (2 - 3j) ** {e.small(3)})
v = [float(n % 1000) for n in {e.of("list", 2)}]
print(statistics.mean(v), statistics.median(v), statistics.pstdev(v), statistics.mode(v))
"""


def containers(e: Expressions) -> str:
    """Order and change of lists, dicts, deques, heaps and counters."""
    return f"""
d = {e.of("dict", 2)}
print(d, list(d), d.popitem(), d.setdefault({e.of("int", 0)}, 'new'), d.get('missing'))
l = {e.of("list", 2)}
l.insert({e.small()}, {e.of("any", 1)}); l[{e.small(3)}:{e.small(3)}] = {e.of("list", 1)}
l.extend({e.of("str", 1)}); del l[::{e.one(("2", "3", "-2", "0"))}]
print(l, l.index({e.of("int", 0)}) if {e.of("int", 0)} in l else None, l.count(1))
l.sort(key={e.one(("str", "repr", "lambda v: (type(v).__name__, str(v))", "None"))})
q = collections.deque(l, maxlen={e.random.randint(0, 6)}); q.rotate({e.small()}); q.appendleft('left')
h = [n % 50 for n in {e.of("list", 1)}]; heapq.heapify(h)
print(q, [heapq.heappop(h) for _ in range(len(h))], bisect.bisect([1, 3, 5], {e.of("int", 0)}))
s, t = set(range({e.random.randint(0, 12)})), {{x % 8 for x in {e.of("list", 1)}}}
print(sorted(s & t), sorted(s ^ t), s <= t, s.isdisjoint(t), sorted(s - t))
print(collections.Counter({e.of("str", 1)}) + collections.Counter('abca'), collections.ChainMap(d, {{1: 2}})[1])
"""


def coroutines(e: Expressions) -> str:
    """Tasks, timeouts and queues of asyncio, in an order that is given."""
    return f"""
async def work(n):
    await asyncio.sleep(n / 1000)
    if n == {e.small(5)}: raise ValueError(n)
    return n
async def main():
    print(await asyncio.gather(*(work(n) for n in {[e.random.randint(0, 5) for _ in range(3)]}), return_exceptions={e.of("bool", 0)}))
    q = asyncio.Queue({e.random.randint(0, 2)})
    async def put():
        try:
            for v in {e.of("list", 1)}: await q.put(v)
        finally: await q.put(None)
    t = asyncio.create_task(put())
    while (v := await q.get()) is not None: print(v)
    try:
        async with asyncio.timeout(0.001): await asyncio.sleep(9)
    except TimeoutError as error: print('late', repr(error))
    async with asyncio.TaskGroup() as g:
        a = g.create_task(work({e.random.randint(0, 5)})); b = g.create_task(work(1))
    print(a.result(), b.result(), t.done())
asyncio.run(main())
"""


def kinds(e: Expressions) -> str:
    """Enumerations, flags, named tuples, abstract classes, descriptors, slots."""
    return f"""
import enum, typing, abc
class C(enum.{e.one(("Enum", "IntEnum", "Flag", "IntFlag"))}):
    A = {e.random.randint(1, 2)}
    B = {e.random.randint(1, 4)}
    D = enum.auto()
print(list(C), C['A'], C.A == C.B, C.D.value, C.A in C)
print({e.one(("C.A | C.D", "C(3)", "C(99)", "C.A < C.D", "~C.A"))})
class N(typing.NamedTuple):
    a: int
    b: str = {e.of("str", 1)}
n = N({e.of("any", 1)})
print(n, n._replace(a=0), n._asdict(), n == (n.a, n.b), n[{e.small(3)}])
class X(abc.ABC):
    __slots__ = ('v',)
    @abc.abstractmethod
    def m(self): ...
class Y(X):
    def m(self): return super().__repr__.__name__
y = Y(); y.v = {e.of("any", 1)}
print(y.m(), y.v, copy.copy(y).v, pickle.loads(pickle.dumps({e.of("any", 2)})))
X()
"""


BLOCKS = (
    expression, expression, assignments, classes, closures, generators, exceptions, matching,
    dates, patterns, records, documents, numbers, containers, coroutines, kinds,
)  # fmt: skip
