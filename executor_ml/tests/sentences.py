"""A thousand texts of all kinds, the same ones wherever this runs."""

from __future__ import annotations

import hashlib
import random

COUNT = 1000
ENGLISH = [
    "the", "old", "lighthouse", "keeper", "wrote", "every", "evening", "about", "ships", "that",
    "never", "came", "although", "weather", "report", "promised", "electromagnetic", "storms",
    "yesterday", "Dr.", "O'Neill", "unbelievably", "cheap", "re-elected", "naïve", "café", "won't",
]  # fmt: skip
THAI = ["สวัสดี", "ชาวโลก", "ภาษาไทย", "กรุงเทพมหานคร", "อาหาร", "ที่", "อร่อย", "มาก", "๑๒๓"]
OTHER = [
    "日本語", "テキスト", "中文", "한국어", "Привет", "мир", "Ελλάδα", "שלום", "مرحبا", "नमस्ते",
    "Straße", "ĄĘŁ", "İstanbul", "e\u0301", "ﬁ", "Ǆ",
]  # fmt: skip
EMOJI = ["🙂", "🙃", "👩‍👩‍👧‍👦", "🏳️‍🌈", "👍🏽", "🇩🇪", "❤️", "🫠", "☃", "™"]
CODE = [
    "def f(x: int) -> str:", "    return x[::-1]", "for (int i = 0; i < n; ++i) {", "}",
    "SELECT * FROM t WHERE a <> 'b';", "#include <vector>", "x = {'a': [1, 2.5e-3]}", "// TODO",
    "<a href=\"https://example.org/?q=1&r=%20\">link</a>", "lambda _: None", "\\frac{a}{b}",
    "git commit -m \"fix: off-by-one\"", "0xDEADBEEF ^= ~mask << 3;",
]  # fmt: skip
MARKS = [" ", "  ", "\t", "\n", ", ", " - ", "... ", "\u00a0", "\u200b", "\u3000", "!?", " [SEP] "]


def sentences() -> list[str]:
    """The texts: the odd ones first, then each kind in turn."""
    chance = random.Random(1)
    odd = [
        "",
        " ",
        "\n\t ",
        "\x00",
        "a",
        "[CLS] [MASK] [PAD] [UNK]",
        " ".join(chance.choices(ENGLISH, k=10_000)),
        "".join(chance.choices(THAI, k=400)),
        "".join(chance.choices(EMOJI, k=300)),
        "x" * 3000,
        "\n".join(chance.choices(CODE, k=200)),
    ]
    kinds = [ENGLISH, THAI, EMOJI, CODE, OTHER, ENGLISH + THAI + OTHER + EMOJI + CODE]
    texts = list(odd)
    while len(texts) < COUNT:
        words = chance.choices(kinds[len(texts) % len(kinds)], k=_length(chance))
        between = chance.choices([" ", *MARKS], weights=[40, *[1] * len(MARKS)], k=len(words))
        texts.append("".join(map("".join, zip(words, between, strict=True))))
    return texts


def digest(texts: list[str]) -> bytes:
    """Tells whether two are the same."""
    return hashlib.sha256("\x1f".join(texts).encode()).digest()


def _length(chance: random.Random) -> int:
    """Words: mostly few."""
    return max(1, int(chance.expovariate(1 / 12)))
