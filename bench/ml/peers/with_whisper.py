"""faster-whisper: sounds, by the model as CTranslate2 keeps it."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from clock import now
from faster_whisper import WhisperModel
from inputs import sound


def transcribe(case: dict[str, Any]) -> Any:
    threads = int(os.environ["OMP_NUM_THREADS"])
    model = WhisperModel(case["converted"], "cpu", compute_type="float32", cpu_threads=threads)
    samples = np.frombuffer(sound(case["seconds"]), np.float32)

    def do() -> dict[str, float]:
        began = now()
        segments, _ = model.transcribe(
            samples,
            language="en",
            beam_size=1,
            temperature=0.0,
            without_timestamps=True,
            condition_on_previous_text=False,
            no_speech_threshold=None,
            log_prob_threshold=None,
            compression_ratio_threshold=None,
            max_new_tokens=2 * case["tokens"],  # CTranslate2 writes half as many at most
            suppress_tokens=[],  # theirs are words that this tokenizer lacks
            suppress_blank=False,
        )
        tokens = sum(len(each.tokens) for each in segments)
        if tokens < case["tokens"]:
            raise ValueError(f"writes {tokens} tokens")
        return {"": (now() - began) * 1e3}

    return do


WORKS = {"transcribe": transcribe}
