"""The text plugin against rapidfuzz and google-re2."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import re2
from conftest import Array, Tensor, allocate
from hypothesis import given, settings
from hypothesis import strategies as st
from rapidfuzz.distance import Levenshtein

import edgemesh_cpp_host as host


@pytest.fixture(scope="module")
def text(load: Callable[[str], host.Plugin]) -> host.Plugin:
    return load("text")


class Bytes(Tensor):
    """Bytes as an input."""

    @property
    def dtype(self) -> int:
        return host.DTYPES["bytes"]


def packed(strings: Sequence[bytes]) -> dict[str, Tensor]:
    """Strings as bytes and offsets."""
    offsets = np.cumsum([0, *map(len, strings)], dtype="int64")
    data = np.frombuffer(b"".join(strings), "uint8")
    return {"data": Bytes(data), "offsets": Tensor(offsets)}


def run(
    text: host.Plugin, algorithm: str, inputs: Any = None, **parameters: Any
) -> tuple[Any, dict[str, Array]]:
    """The result and the outputs."""
    done = text.run(algorithm, json.dumps(parameters), inputs or {}, allocate)
    names = {number: name for name, number in host.DTYPES.items()} | {host.DTYPES["bytes"]: "uint8"}
    arrays = {
        name: np.frombuffer(one.data, names[one.dtype]).reshape(one.shape)
        for name, one in done.outputs.items()
    }
    return None if done.result is None else json.loads(done.result), arrays


def words(count: int, length: int, letters: str, seed: int = 0) -> list[str]:
    generator = np.random.default_rng(seed)
    lengths = generator.integers(0, length + 1, count)
    return ["".join(generator.choice(list(letters), size)) for size in lengths]


@pytest.mark.parametrize(
    "letters", ["ab", "abcdefgh ", "aäß語🙂", "".join(map(chr, range(500, 900)))]
)
@pytest.mark.parametrize("length", [0, 1, 2, 3, 31, 63, 64, 65, 127, 128, 129, 300])
def test_distance(text: host.Plugin, length: int, letters: str) -> None:
    strings = words(20, 2 * length, letters)
    query = (words(1, 0, letters)[0] + letters * length)[:length]
    expected = [Levenshtein.distance(query, string) for string in strings]
    _, got = run(text, "cpp.edit_distance", query=query, strings=strings)
    assert got["y"].dtype == "int64"
    assert got["y"].tolist() == expected
    _, got = run(text, "cpp.edit_distance", packed([s.encode() for s in strings]), query=query)
    assert got["y"].tolist() == expected


@pytest.mark.parametrize(
    "weights", [(1, 1, 1), (2, 2, 2), (1, 1, 2), (1, 3, 2), (0, 1, 5), (0, 0, 0)]
)
@pytest.mark.parametrize("cutoff", [None, 0, 3, 20])
def test_weights_and_cutoffs(
    text: host.Plugin, weights: tuple[int, int, int], cutoff: int | None
) -> None:
    strings, query = words(50, 30, "abcä"), words(1, 70, "abcä", 1)[0][:17]
    parameters: Any = {} if cutoff is None else {"score_cutoff": cutoff}
    _, got = run(
        text, "cpp.edit_distance", query=query, strings=strings, weights=weights, **parameters
    )
    assert got["y"].tolist() == [
        Levenshtein.distance(query, string, weights=weights, score_cutoff=cutoff)
        for string in strings
    ]
    share = None if cutoff is None else cutoff / 20
    parameters = {} if share is None else {"score_cutoff": share}
    _, got = run(
        text,
        "cpp.edit_distance",
        query=query,
        strings=strings,
        weights=weights,
        normalized=True,
        **parameters,
    )
    np.testing.assert_allclose(
        got["y"],
        [
            Levenshtein.normalized_distance(query, string, weights=weights, score_cutoff=share)
            for string in strings
        ],
        rtol=1e-15,
    )


@settings(deadline=None)
@given(st.text(max_size=90), st.text(max_size=90), st.text(max_size=90))
def test_distance_is_a_metric(text: host.Plugin, a: str, b: str, c: str) -> None:
    _, from_a = run(text, "cpp.edit_distance", query=a, strings=[a, b, c])
    _, from_b = run(text, "cpp.edit_distance", query=b, strings=[a, b, c])
    (aa, ab, ac), (ba, bb, bc) = from_a["y"].tolist(), from_b["y"].tolist()
    assert aa == bb == 0
    assert ab == ba == Levenshtein.distance(a, b)
    assert ac <= ab + bc


PATTERNS = [
    "a",
    "b+",
    "(a)|(b)",
    "(a(b)?)+c?",
    "[äö]",
    r"\w+",
    r"(?P<key>\w+)=(?P<value>\d*)",
    "^a",
    "c$",
    "(?i)AB",
    "x*",
    ".",
]
STRINGS = ["", "a", "abc", "xxab aab ÄB äöü", "key=12, other=", "🙂a🙂", "c" * 100, "ABAB"]


def spans(found: Any) -> list[list[int]]:
    """All groups' places of one match."""
    return [list(found.span(i)) for i in range(found.re.groups + 1)]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_first_matches(text: host.Plugin, pattern: str) -> None:
    compiled = re2.compile(pattern)
    for mode, search in (
        ("find", compiled.search),
        ("match", compiled.match),
        ("fullmatch", compiled.fullmatch),
    ):
        result, got = run(text, "cpp.regex", pattern=pattern, strings=STRINGS, mode=mode)
        for i, string in enumerate(STRINGS):
            found = search(string)
            if found is None:
                assert result["matches"][i] is None
                assert (got["spans"][i] == -1).all()
            else:
                assert result["matches"][i] == [found[0], *found.groups()]
                assert got["spans"][i].tolist() == spans(found)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_all_matches(text: host.Plugin, pattern: str) -> None:
    # Python's own module goes from match to match in the same way, and these mean the same to it.
    compiled = re.compile(pattern, re.ASCII)
    expected = [[spans(found) for found in compiled.finditer(string)] for string in STRINGS]
    result, got = run(text, "cpp.regex", pattern=pattern, strings=STRINGS, mode="findall")
    for i, found in enumerate(expected):
        rows = got["spans"][got["offsets"][i] : got["offsets"][i + 1]]
        assert rows.tolist() == found
        assert [match[0] for match in result["matches"][i]] == [
            STRINGS[i][span[0][0] : span[0][1]] for span in found
        ]
    _, got = run(text, "cpp.regex", pattern=pattern, strings=STRINGS, mode="count")
    assert got["counts"].tolist() == [len(found) for found in expected]


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("count", [0, 1])
def test_replace(text: host.Plugin, pattern: str, count: int) -> None:
    expected = [
        re.sub(pattern, r"<\g<0>>", string, count=count, flags=re.ASCII) for string in STRINGS
    ]
    parameters = {"pattern": pattern, "mode": "replace", "replacement": r"<\0>", "count": count}
    result, _ = run(text, "cpp.regex", strings=STRINGS, **parameters)
    assert result["strings"] == expected
    _, got = run(text, "cpp.regex", packed([s.encode() for s in STRINGS]), **parameters)
    data, offsets = got["data"].tobytes(), got["offsets"]
    assert [data[a:b].decode() for a, b in pairwise(offsets)] == expected


def test_places_in_bytes(text: host.Plugin) -> None:
    strings = ["äa".encode(), b"\xffa", b""]
    _, got = run(text, "cpp.regex", packed(strings), pattern="a")
    assert got["spans"][:, 0].tolist() == [[2, 3], [1, 2], [-1, -1]]


@pytest.mark.parametrize(
    ("pattern", "place"),
    [("a(b", "0"), ("ä[b", "1"), ("a**", "1"), (r"ab\8", "2"), ("x{9999}", "1")],
)
def test_bad_patterns(text: host.Plugin, pattern: str, place: str) -> None:
    with pytest.raises(host.PluginInvalidInput) as refused:
        run(text, "cpp.regex", pattern=pattern, strings=[])
    assert refused.value.fields["parameters.pattern"].endswith(f"at character {place}")


@pytest.mark.parametrize(
    ("algorithm", "parameters", "field"),
    [
        ("cpp.regex", {"pattern": "((a{99}){99}){99}"}, "parameters.pattern"),
        ("cpp.regex", {"pattern": "a", "max_mem": 1 << 40}, "parameters.max_mem"),
        ("cpp.regex", {"pattern": "a", "count": -1}, "parameters.count"),
        ("cpp.regex", {"pattern": "a", "mode": "split"}, "parameters.mode"),
        ("cpp.regex", {"pattern": "a", "mode": "replace"}, "parameters.replacement"),
        ("cpp.regex", {}, "parameters.pattern"),
        ("cpp.edit_distance", {}, "parameters.query"),
        ("cpp.edit_distance", {"query": "a", "weights": [1, 1]}, "parameters.weights"),
        ("cpp.edit_distance", {"query": "a", "weights": [1, -1, 1]}, "parameters.weights[1]"),
        ("cpp.edit_distance", {"query": "a", "score_cutoff": -1}, "parameters.score_cutoff"),
        ("cpp.edit_distance", {"query": "a", "strings": "b"}, "parameters.strings"),
        ("cpp.edit_distance", {"query": "a", "strings": [1]}, "parameters.strings[0]"),
    ],
)
def test_what_is_refused(
    text: host.Plugin, algorithm: str, parameters: dict[str, Any], field: str
) -> None:
    with pytest.raises(host.PluginInvalidInput) as refused:
        run(text, algorithm, **dict[str, Any]({"strings": ["a"]} | parameters))
    assert list(refused.value.fields) == [field]


def test_too_many_matches(text: host.Plugin) -> None:
    inputs = packed([b"a" * 100_000])
    parameters = json.dumps({"pattern": "(a)", "mode": "findall"})
    with pytest.raises(host.PluginFailure, match="TooManyMatches"):
        text.run("cpp.regex", parameters, inputs, allocate, memory_bytes=1 << 20)
