"""JavaScript and Ruby in the sandbox: values, texts, failures, files, limits; nothing is left."""
# ruff: noqa: E501 - programs and modules, a line each

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edgemesh_sandbox import InputError, Limits, Outcome, Result
from edgemesh_sandbox.languages import JavaScript, Language, Ruby
from edgemesh_sandbox.languages.program import make

MIB = 1 << 20
# For each: language, program, inputs, result.
VALUES: list[tuple[str, str, dict[str, Any], Any]] = [
    ("js", "1 + 1", {}, 2),
    ("js", "inputs.xs.map(x => x * 2)", {"xs": [1, 2]}, [2, 4]),
    ("js", "var output = {a: [null, 'ä', 1.5]}; 7", {}, {"a": [None, "ä", 1.5]}),
    ("js", "const output = 5", {}, 5),
    ("js", "await new Promise(done => setTimeout(() => done(7), 5))", {}, 7),
    ("js", "2n ** 70n", {}, {"$type": "int", "value": hex(2**70)}),
    ("js", "[NaN, -Infinity]", {}, [{"$type": "float", "value": v} for v in ("nan", "-inf")]),
    ("js", "x => x", {}, None),
    ("js", "JSON.stringify = () => '}'; Promise = null; 1", {}, 1),
    ("js", "std.loadFile('/inputs/data')", {}, "content"),
    ("ruby", "1 + 1", {}, 2),
    ("ruby", "inputs['xs'].map { |x| x * 2 }", {"xs": [1, 2]}, [2, 4]),
    ("ruby", "$output = {a: [nil, 'ä', 1.5]}; 7", {}, {"a": [None, "ä", 1.5]}),
    ("ruby", "2 ** 70", {}, 2**70),
    ("ruby", "[Float::NAN, -Float::INFINITY]", {}, [{"$type": "float", "value": v} for v in ("nan", "-inf")]),
    ("ruby", "Object.new", {}, None),
    ("ruby", "require 'digest'; Digest::MD5.hexdigest('')", {}, "d41d8cd98f00b204e9800998ecf8427e"),
    ("ruby", "Fiber.new { Fiber.yield 1; 2 }.then { |f| [f.resume, f.resume] }", {}, [1, 2]),
    ("ruby", "catch(:a) { [1].each { throw :a, 5 } }", {}, 5),
    ("ruby", "File.read('/inputs/data')", {}, "content"),
    ("ruby", '"#{1 + 1} \\" #{inputs}"', {}, '2 " {}'),
]  # fmt: skip


@pytest.fixture(scope="module")
def languages(images: Path) -> Iterator[dict[str, Language]]:
    """Both, made if they are not there; Ruby where npm is, which fetches it."""
    found: dict[str, Language] = {}
    make(images, JavaScript.recipe)
    found["js"] = JavaScript(images)
    if shutil.which("npm") or "CI" in os.environ:  # there its absence is a failure
        make(images, Ruby.recipe)  # a minute of processor time, once per machine
        found["ruby"] = Ruby(images)
    yield found
    for language in found.values():
        language.close()


@pytest.fixture
def run(languages: dict[str, Language]) -> Any:
    def run(name: str, code: str, inputs: Any = None, **options: Any) -> Result:
        if name not in languages:
            pytest.skip("npm, which fetches Ruby, is not here")
        return languages[name].run(code, inputs, **options)

    return run


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("name", "code", "inputs", "result"), VALUES)
def test_values(run: Any, name: str, code: str, inputs: dict[str, Any], result: Any) -> None:
    found = run(name, code, inputs, files={"data": b"content"})
    assert (found.outcome, found.result) == (Outcome.OK, result), found.failure


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("js", "console.log('out', [1]); console.error('err'); std.in.readAsString() + stdin"),
        ("ruby", "puts 'out [1]'; warn 'err'; [$stdin.read] * 2 * ''"),
    ],
)
def test_texts(run: Any, name: str, code: str) -> None:
    heard: list[tuple[str, str]] = []
    found = run(name, code, stdin="ä", on_output=lambda *said: heard.append(said))
    assert (found.stdout, found.stderr, found.result) == ("out [1]\n", "err\n", "ää")
    for stream, text in (("stdout", "out [1]\n"), ("stderr", "err\n")):
        assert "".join(part for each, part in heard if each == stream) == text


@pytest.mark.parametrize(
    ("name", "code", "outcome", "kind"),
    [
        ("js", "function f() { throw new TypeError('x') }\nf()", Outcome.EXCEPTION, "TypeError"),
        ("js", "x =", Outcome.EXCEPTION, "SyntaxError"),
        ("js", "throw 'x'", Outcome.EXCEPTION, "string"),
        ("js", "const f = () => f(); f()", Outcome.EXCEPTION, "RangeError"),
        ("js", "const o = {}; o.o = o; o", Outcome.EXCEPTION, "OutputError"),
        ("js", "std.exit(3)", Outcome.EXIT, "Exit"),
        ("js", "for (;;) ;", Outcome.TIMEOUT, "TimeLimit"),
        ("js", "os.sleep(1e9)", Outcome.TIMEOUT, "TimeLimit"),
        ("js", "await new Promise(() => {})", Outcome.TIMEOUT, "TimeLimit"),
        ("js", "for (const a = []; ; ) a.push('x'.repeat(1e6) + a.length)", Outcome.MEMORY_LIMIT, "MemoryLimit"),
        ("js", "'x'.repeat(2e6)", Outcome.OUTPUT_LIMIT, "OutputLimit"),
        ("ruby", "def f = raise(TypeError, 'x')\nf", Outcome.EXCEPTION, "TypeError"),
        ("ruby", "x = =", Outcome.EXCEPTION, "SyntaxError"),
        ("ruby", "def f = f()\nf", Outcome.EXCEPTION, "SystemStackError"),
        ("ruby", "$output = Object.new", Outcome.EXCEPTION, "OutputError"),
        ("ruby", "exit 3", Outcome.EXIT, "Exit"),
        ("ruby", "loop {}", Outcome.TIMEOUT, "TimeLimit"),
        ("ruby", "sleep", Outcome.TIMEOUT, "TimeLimit"),
        ("ruby", "a = []; loop { a << 'x' * 1_000_000 }", Outcome.MEMORY_LIMIT, "MemoryLimit"),
        ("ruby", "'x' * 2_000_000", Outcome.OUTPUT_LIMIT, "OutputLimit"),
        ("ruby", "require 'js'; JS.eval('1')", Outcome.EXIT, "Exit"),
    ],
)  # fmt: skip
def test_failures(run: Any, name: str, code: str, outcome: Outcome, kind: str) -> None:
    ends = outcome is not Outcome.TIMEOUT
    limits = Limits(run_time_ms=60_000 if ends else 300, memory_bytes=64 * MIB)
    found = run(name, code, limits=limits)
    assert (found.outcome, found.failure.type) == (outcome, kind), found.failure
    if kind == "TypeError":
        assert found.failure.message == "x"
        assert "program." in found.failure.traceback
    assert run(name, "1 + 1").result == 2


@pytest.mark.parametrize(
    ("name", "write", "look"),
    [
        ("js", "globalThis.x = 1; std.open('/outputs/a', 'w').puts('hi')", "typeof x"),
        ("ruby", "$x = 1; File.write('/outputs/a', 'hi')", "defined?($x).inspect"),
    ],
)
def test_files_come_back_and_nothing_is_left(run: Any, name: str, write: str, look: str) -> None:
    outputs = run(name, write).outputs
    assert bytes(outputs["a"].data) == b"hi"
    found = run(name, look)
    assert found.result in ("undefined", "nil")
    assert not found.outputs


@pytest.mark.parametrize(("name", "code"), [("js", "Math.random()"), ("ruby", "rand")])
def test_random_numbers(run: Any, name: str, code: str) -> None:
    drawn = [run(name, code).result for _ in range(3)]
    fixed = [run(name, code, deterministic=True).result for _ in range(2)]
    assert len(set(drawn)) == 3
    assert all(0 <= number < 1 for number in drawn + fixed)
    assert fixed[0] == fixed[1]


def test_what_cannot_cross_is_refused(run: Any) -> None:
    for options in ({"inputs": {"x": float("nan")}}, {"stdin": "\ud800"}):
        with pytest.raises(InputError):
            run("js", "1", **options)
    with pytest.raises(InputError, match="fuel"):
        run("js", "1", limits=Limits(fuel=5))
