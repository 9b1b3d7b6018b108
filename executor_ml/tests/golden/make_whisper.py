"""Makes crate/tests/golden/whisper.json: what transformers computes for small random Whispers.

    python make_whisper.py PYTHON_WITH_TRANSFORMERS_4

Run with transformers 5.24 and torch 2.15; the other Python has transformers 4.57. Weights are not
in the file: `noise` makes them from their names, here as in crate/tests/whisper_reference.rs.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

TARGET = Path(__file__).parents[2] / "crate/tests/golden/whisper.json"
END, START, ENGLISH, GERMAN, FRENCH, TRANSLATE, TRANSCRIBE = 95, 96, 97, 98, 99, 100, 101
PREVIOUS, NO_SPEECH, NO_TIMES = 103, 104, 105
SOURCES, TARGETS = 200, 64
SECONDS = 2 * SOURCES // 100
FRAMES = 2 * SOURCES
SAMPLES = 165_003
"""Ten seconds and a bit: three windows, the last one short."""
COMMON: dict[str, Any] = {
    "vocab_size": NO_TIMES + 1 + SOURCES + 1,
    "d_model": 64,
    "encoder_layers": 2,
    "decoder_layers": 2,
    "encoder_attention_heads": 2,
    "decoder_attention_heads": 4,
    "encoder_ffn_dim": 96,
    "decoder_ffn_dim": 128,
    "max_source_positions": SOURCES,
    "max_target_positions": TARGETS,
    "decoder_start_token_id": START,
    "pad_token_id": END,
    "bos_token_id": END,
    "eos_token_id": END,
    "begin_suppress_tokens": [94, END],
    "suppress_tokens": None,
}
GENERATION: dict[str, Any] = {
    "is_multilingual": True,
    "lang_to_id": {"<|en|>": ENGLISH, "<|de|>": GERMAN, "<|fr|>": FRENCH},
    "task_to_id": {"transcribe": TRANSCRIBE, "translate": TRANSLATE},
    "no_timestamps_token_id": NO_TIMES,
    "prev_sot_token_id": PREVIOUS,
    "max_initial_timestamp_index": 50,
    "decoder_start_token_id": START,
    "pad_token_id": END,
    "bos_token_id": END,
    "eos_token_id": END,
    "begin_suppress_tokens": [94, END],
    "suppress_tokens": [1, 2, 7, *range(START, NO_TIMES)],
}
TIMES = list(range(NO_TIMES, COMMON["vocab_size"]))
"""Forbidden too where the text is to have none: with random weights they would be likely."""
MODELS = {
    "many-languages": ({"num_mel_bins": 80}, GENERATION),
    "english": (
        {"num_mel_bins": 128, "d_model": 32, "decoder_layers": 1},
        {k: v for k, v in GENERATION.items() if k not in ("lang_to_id", "task_to_id")}
        | {"is_multilingual": False},
    ),
}


def noise(count: int, name: str, scale: float) -> Any:
    """As `noise` in whisper_reference.rs: a congruential generator, seeded by the name."""
    import numpy as np

    state = 2_166_136_261
    for byte in name.encode():
        state = (state ^ byte) * 16_777_619 % 2**32
    out = np.empty(count, np.float32)
    for i in range(count):
        state = (state * 1_664_525 + 1_013_904_223) % 2**32
        out[i] = (np.float32(state >> 8) / np.float32(1 << 23) - np.float32(1)) * np.float32(scale)
    return out


def sound() -> Any:
    """Noise through a low pass, in steps of loudness; the same in whisper_reference.rs."""
    import numpy as np

    raw = noise(SAMPLES, "sound", 0.2)
    out, last = np.empty(SAMPLES, np.float32), np.float32(0)
    for i in range(SAMPLES):
        last = np.float32(0.875) * last + raw[i]
        out[i] = last * (np.float32(i // 4000 % 8) / np.float32(8))
    return out


def configs() -> None:
    """Print each model's configuration as the transformers of this Python writes it."""
    import transformers

    made = {name: transformers.WhisperConfig(**COMMON | own) for name, (own, _) in MODELS.items()}
    print(json.dumps({k: json.loads(v.to_json_string(use_diff=False)) for k, v in made.items()}))


def rounded(values: Any) -> list[float]:
    """Five digits."""
    return [round(float(x), 5) for x in values]


def golden(name: str, config: dict[str, Any]) -> dict[str, Any]:
    """Spectrogram, encoder's vectors, languages and tokens of one model."""
    import numpy as np
    import torch
    import transformers

    made = transformers.WhisperConfig(**config)
    made._attn_implementation = "eager"
    model = transformers.WhisperForConditionalGeneration(made).float().eval()
    model.generation_config = transformers.GenerationConfig(**MODELS[name][1])
    tensors = {}
    for key, parameter in model.named_parameters():
        values = torch.from_numpy(noise(parameter.numel(), key, 0.3)).reshape(parameter.shape)
        if "norm" in key and key.endswith("weight"):
            values = values + 1
        with torch.no_grad():
            parameter.copy_(values)
        tensors[key] = list(parameter.shape)
    model.tie_weights()
    extractor = transformers.WhisperFeatureExtractor(
        feature_size=made.num_mel_bins, chunk_length=SECONDS
    )

    def features(samples: Any) -> Any:
        return extractor(
            samples, sampling_rate=16_000, return_tensors="pt", truncation=False, padding="longest"
        ).input_features

    heard = sound()
    # Silence behind the sound, as OpenAI's reference has it, and only then cut off.
    whole = features(np.concatenate([heard, np.zeros(SECONDS * 16_000, np.float32)]))
    whole = whole[..., : SAMPLES // 160]
    first = whole[..., :FRAMES]
    many = "lang_to_id" in MODELS[name][1]
    told = {"language": "de", "task": "transcribe"} if many else {}
    common = {"do_sample": False, "max_new_tokens": TARGETS // 2, **told}
    with torch.inference_mode():
        encoded = model.model.encoder(first).last_hidden_state[0]
        language = int(model.detect_language(first)[0]) if many else None
        model.generation_config.suppress_tokens = GENERATION["suppress_tokens"] + TIMES
        plain = model.generate(first, return_timestamps=False, **common)[0].tolist()
        model.generation_config.suppress_tokens = GENERATION["suppress_tokens"]

        def long(*, condition: bool) -> list[dict[str, Any]]:
            out = model.generate(
                whole,
                return_timestamps=True,
                return_segments=True,
                condition_on_prev_tokens=condition,
                temperature=0.0,
                **common,
            )
            return [
                {
                    "start": round(float(s["start"]), 3),
                    "end": round(float(s["end"]), 3),
                    "tokens": [t for t in s["tokens"].tolist() if t < END],
                }
                for s in out["segments"][0]
            ]

        segments, conditioned = long(condition=False), long(condition=True)
    if plain[-1] == END:
        plain.pop()
    frames = range(0, FRAMES, 37)
    return {
        "tensors": tensors,
        "mel": [rounded(first[0, :, i]) for i in frames],
        "encoded": [rounded(encoded[i]) for i in (0, 7, SOURCES - 1)],
        "language": language,
        "tokens": plain,
        "segments": segments,
        "conditioned": conditioned,
    }


def main() -> None:
    """Make the file."""
    if sys.argv[1] == "--configs":
        configs()
        return
    new, old = (
        json.loads(subprocess.check_output([python, __file__, "--configs"]))
        for python in (sys.executable, sys.argv[1])
    )
    result: dict[str, Any] = {"times": TIMES, "models": {}}
    for name, (_, generation) in MODELS.items():
        made = golden(name, new[name])
        described = {"config_5": new[name], "config_4": old[name], "generation": generation}
        result["models"][name] = described | made
        print(name, made["language"], made["tokens"])
        print(*made["segments"], sep="\n")
        print(*made["conditioned"], sep="\n")
    TARGET.write_text(json.dumps(result, indent=None, separators=(",", ":")) + "\n")
    print(TARGET.name, TARGET.stat().st_size)


if __name__ == "__main__":
    main()
