# ruff: noqa: E501 - templates of programs and tables of patterns
"""What this interpreter and the guest say otherwise, and why that is no fault of the sandbox.

Rules: a row is a difference that was looked at. `pattern` matches either side's text, `common`
replaces it on both before they are compared.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Version:
    """One such row."""

    why: str
    pattern: str
    common: str


_REWORDED = "a newer Python words it otherwise"

VERSIONS = (
    Version(_REWORDED, r"(converted during|arguments for) ((?:string|bytes) formatting|format string) \(.*?\)", r"\1 \2"),
    Version(_REWORDED, r"(Can't instantiate abstract class X with).*", r"\1"),
    Version(_REWORDED, r"day is out of range for month|day -?\d+ must be in range .* in year \d+", "day"),
    Version(_REWORDED, r"year -?\d+ is out of range|year must be in 1\.\.9999, not -?\d+", "year"),
    Version(_REWORDED, r"cannot use '[\w.]+' as a (?:dict key|set element) \((unhashable [^)]*)\)", r"\1"),
    Version(_REWORDED, r".*(?:must be real number, not \w+|%\w (?:format|requires|arg)).*", "%"),
    Version(_REWORDED, r"incomplete format\b.*|stray % at position.*|.*format character.*", "%"),
    Version(_REWORDED, r"(ZeroDivisionError)\b.*", r"\1"),
    Version(_REWORDED, r"(JSONDecodeError).*", r"\1"),
    Version(_REWORDED, r"r must be non-negative|r cannot be negative", "r"),
    Version(_REWORDED, r"\S+ is not in list|list\.index\(x\): x not in list", "index"),
    Version(_REWORDED, r"must assign iterable to extended slice|can only assign an iterable", "slice"),
    Version(_REWORDED, r"error (?:'?\w+'? format requires .*|argument out of range)", "error range"),
    Version("3.13 has renamed `re.error`", r"! (?:error|PatternError) ", "! error "),
    Version("chr() raises ValueError for every number", r"OverflowError Python int too large to convert to C int|ValueError chr\(\) arg not in range\(0x110000\)", "chr"),
    Version(_REWORDED, r"math domain error|expected a (?:non|positive|finite|number).*", "domain"),
    Version("`textwrap` of 3.15 drops blanks before a long word that it breaks", r" +$", ""),
    Version("a bound of 32 bits", r"^! OverflowError Python int too large to convert to C long$", "%"),
    Version("the same", r"\b(?:OverflowError|ValueError)$", "ValueError"),
    Version("3.14 adds a real to a complex number without making it complex", r"[-+]?\b0j", "0j"),
    Version("3.15 quotes a bytearray as it does bytes", r"\\'", "'"),
    Version("3.15 writes years before 1000 with four digits", r"\b(January|December) 0+1\b", r"\1 1"),
    Version("the guest's decimal is the one in Python", r"((?:DivisionByZero|InvalidOperation|Overflow)\b).*", r"\1"),
    Version("errno has WASI's numbers", r"\((?:34|68), '[^']*'\)", "ERANGE"),
)  # fmt: skip
