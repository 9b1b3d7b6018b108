"""Makes vad.json and sound/vowels.wav: what silero's own package finds in a made-up sound.

    pip install torch==2.15.0 onnxruntime==1.32.0 silero-vad==6.2.3
    python tests/golden/make_vad.py

The sound is vowels of two voices, between noise that is nearly silence: no recording of anybody,
and speech enough for silero. Spans are those of `get_speech_timestamps`, of the sound and of
probabilities that were drawn, under rules of all kinds.
"""

from __future__ import annotations

import json
import wave
from pathlib import Path
from typing import Any

import numpy as np
import torch
from silero_vad import get_speech_timestamps, load_silero_vad
from silero_vad.utils_vad import get_speech_timestamps_from_probs

HERE = Path(__file__).parent
RATE, WINDOW = 16_000, 512
FORMANTS = {
    "a": ((730, 90), (1090, 110), (2440, 170)),
    "e": ((530, 70), (1840, 100), (2480, 170)),
    "i": ((270, 60), (2290, 100), (3010, 170)),
    "o": ((570, 70), (840, 100), (2410, 170)),
    "u": ((300, 60), (870, 100), (2240, 170)),
}
RULES: list[dict[str, float]] = [
    {},
    {"threshold": 0.8},
    {"threshold": 0.1},
    {"min_silence_ms": 600},
    {"min_silence_ms": 0, "min_speech_ms": 0, "pad_ms": 0},
    {"min_speech_ms": 1500},
    {"pad_ms": 400},
    {"max_speech_s": 1.0},
    {"max_speech_s": 2.0, "min_silence_ms": 500, "pad_ms": 100},
    {"max_speech_s": 0.5, "min_silence_ms": 2000, "pad_ms": 0},
]


def vowel(name: str, seconds: float, pitch: float, chance: np.random.Generator) -> np.ndarray:
    """A train of pulses through three resonators."""
    at = np.arange(int(seconds * RATE)) / RATE
    phase = np.cumsum(pitch * (1 + 0.06 * np.sin(2 * np.pi * 3.1 * at))) / RATE
    sound = (np.diff(np.floor(phase), prepend=0) > 0) + chance.normal(0, 0.003, len(at))
    for frequency, width in FORMANTS[name]:
        radius = np.exp(-np.pi * width / RATE)
        turn = 2 * radius * np.cos(2 * np.pi * frequency / RATE)
        before, last = 0.0, 0.0
        made = np.zeros(len(sound))
        for i, each in enumerate(sound):
            made[i] = each + turn * last - radius**2 * before
            before, last = last, made[i]
        sound = made * (1 - radius)
    edge = np.minimum(np.arange(len(sound)), np.arange(len(sound))[::-1])
    return sound / np.abs(sound).max() * 0.4 * np.minimum(1, edge / 400)


def words(text: str, pitch: float, chance: np.random.Generator) -> np.ndarray:
    parts = []
    for number, name in enumerate(text):
        parts.append(vowel(name, 0.16, pitch * (1 + 0.1 * np.sin(number)), chance))
        parts.append(chance.normal(0, 0.02, RATE // 20))
    return np.concatenate(parts)


def vowels() -> np.ndarray:
    """As int16."""
    chance = np.random.default_rng(5)

    def quiet(seconds: float) -> np.ndarray:
        return chance.normal(0, 0.0005, int(seconds * RATE))

    parts = [quiet(0.7), words("aeiouaeio", 130, chance), quiet(1.2), words("oiaue", 210, chance)]
    parts += [quiet(0.3), words("uai", 160, chance), quiet(0.9)]
    return (np.concatenate(parts) * 32_767).astype("<i2")


def drawn(seed: int) -> list[float]:
    """Probabilities that wander."""
    chance = np.random.default_rng(seed)
    steps = np.cumsum(chance.normal(0, 0.9, 240))
    return [round(float(each), 4) for each in 1 / (1 + np.exp(-3 * np.sin(steps)))]


def told(rules: dict[str, float]) -> dict[str, Any]:
    names = {
        "min_speech_ms": "min_speech_duration_ms",
        "min_silence_ms": "min_silence_duration_ms",
        "pad_ms": "speech_pad_ms",
        "max_speech_s": "max_speech_duration_s",
    }
    return {names.get(name, name): value for name, value in rules.items()}


def pairs(spans: list[dict[str, int]]) -> list[list[int]]:
    return [[int(each["start"]), int(each["end"])] for each in spans]


def main() -> None:
    sound = vowels()
    with wave.open(str(HERE / "sound" / "vowels.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(sound.tobytes())
    samples = torch.from_numpy(sound.astype("f4") / 32_768)
    model = load_silero_vad(onnx=True, opset_version=16)
    probabilities = []
    model.reset_states()
    for at in range(0, len(samples), WINDOW):
        window = samples[at : at + WINDOW]
        window = torch.nn.functional.pad(window, (0, WINDOW - len(window)))
        probabilities.append(round(float(model(window, RATE)), 6))
    heard = [
        {"rules": rules, "spans": pairs(get_speech_timestamps(samples, model, **told(rules)))}
        for rules in RULES
    ]
    wandering = []
    for seed in range(6):
        row = drawn(seed)
        length = len(row) * WINDOW - 100 * seed
        spans = [
            get_speech_timestamps_from_probs(row, audio_length_samples=length, **told(rules))
            for rules in RULES
        ]
        wandering.append(
            {"probabilities": row, "samples": length, "spans": [pairs(each) for each in spans]}
        )
    table = {"rules": RULES, "probabilities": probabilities, "heard": heard, "drawn": wandering}
    (HERE / "vad.json").write_text(json.dumps(table, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
