"""Tokenizers whose every character is a token: models of random weights need no better ones."""

from __future__ import annotations

from typing import Any

LETTERS = [chr(i) for i in range(ord("!"), ord("~") + 1)]
WHISPER = 51_865 - 1501 - 9
"""Words of a Whisper before its control tokens."""
WORD = 7
"""The one that it says."""
CONTROL = [
    "<|endoftext|>", "<|startoftranscript|>", "<|en|>", "<|translate|>", "<|transcribe|>",
    "<|startoflm|>", "<|startofprev|>", "<|nospeech|>", "<|notimestamps|>",
]  # fmt: skip


def vocabulary(size: int) -> list[str]:
    """Letters, and what nobody writes; "!!" is what a merge makes, the last is an end."""
    return [*LETTERS, "!!", *(f"~{i}~" for i in range(size - len(LETTERS) - 2)), "<|end|>"]


def tokenizer(size: int, added: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    """tokenizer.json."""
    return {
        "version": "1.0",
        "added_tokens": added or [],
        "normalizer": None,
        "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True},
        "post_processor": None,
        "decoder": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True},
        "model": {
            "type": "BPE",
            "vocab": {word: i for i, word in enumerate(vocabulary(size))},
            "merges": [],
        },
    }


def whisper_tokenizer() -> dict[str, Any]:
    """tokenizer.json with control tokens behind the words."""
    times = [f"<|{i / 50:.2f}|>" for i in range(1501)]
    added = [
        {
            "id": WHISPER + i,
            "content": content,
            "single_word": False,
            "lstrip": False,
            "rstrip": False,
            "normalized": False,
            "special": True,
        }
        for i, content in enumerate([*CONTROL, *times])
    ]
    return tokenizer(WHISPER, added)
