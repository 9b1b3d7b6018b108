"""Makes crate/tests/golden/whisper_openai.json: what OpenAI's own loop writes with the first model
of make_whisper.py, window by window, with its scores; and whisper_words.json: the same with times
of words, by the heads that it looks at by default and by two others.

    python make_whisper_openai.py FOLDER_OF_THE_REPOSITORY

Run with openai/whisper 20250625, torch 2.15 and numpy. Its
tokenizer is replaced by one of single characters, its windows are of four seconds; model, rules,
loop and spectrogram are its own.
"""

from __future__ import annotations

import json
import sys
import types
from pathlib import Path
from typing import Any

from make_whisper import (
    COMMON,
    END,
    FRAMES,
    GENERATION,
    GERMAN,
    NO_SPEECH,
    NO_TIMES,
    PREVIOUS,
    SECONDS,
    SOURCES,
    START,
    TARGETS,
    TIMES,
    TRANSCRIBE,
    TRANSLATE,
    noise,
    sound,
)

TARGET = Path(__file__).parents[2] / "crate/tests/golden/whisper_openai.json"
BLANK = 94
HEADS = [[0, 1], [1, 3]]
SENTENCE = [ord(c) - ord("!") for c in "UY)E[?"] + [BLANK]
"""What a text with words in it is made of."""
NAMES = (
    ("self_attn.q_proj", "attn.query"),
    ("self_attn.k_proj", "attn.key"),
    ("self_attn.v_proj", "attn.value"),
    ("self_attn.out_proj", "attn.out"),
    ("self_attn_layer_norm", "attn_ln"),
    ("encoder_attn.q_proj", "cross_attn.query"),
    ("encoder_attn.k_proj", "cross_attn.key"),
    ("encoder_attn.v_proj", "cross_attn.value"),
    ("encoder_attn.out_proj", "cross_attn.out"),
    ("encoder_attn_layer_norm", "cross_attn_ln"),
    ("fc1", "mlp.0"),
    ("fc2", "mlp.2"),
    ("final_layer_norm", "mlp_ln"),
    ("encoder.layer_norm", "encoder.ln_post"),
    ("decoder.layer_norm", "decoder.ln"),
    ("layers", "blocks"),
    ("encoder.embed_positions.weight", "encoder.positional_embedding"),
    ("decoder.embed_positions.weight", "decoder.positional_embedding"),
    ("embed_tokens", "token_embedding"),
)


class Characters:
    """A tokenizer as the loop asks for it."""

    sot, eot, sot_prev, sot_lm, no_speech = START, END, PREVIOUS, 102, NO_SPEECH
    no_timestamps, timestamp_begin = NO_TIMES, NO_TIMES + 1
    transcribe, translate = TRANSCRIBE, TRANSLATE
    language = "de"
    sot_sequence = (START, GERMAN, TRANSCRIBE)
    sot_sequence_including_notimestamps = (*sot_sequence, NO_TIMES)

    def encode(self, text: str) -> list[int]:
        return [BLANK if c == " " else ord(c) - ord("!") for c in text]

    def decode(self, ids: list[int]) -> str:
        return "".join(" " if id == BLANK else chr(ord("!") + id) for id in ids if id < END)

    def decode_with_timestamps(self, ids: list[int]) -> str:
        return self.decode(ids) + "<|endoftext|>" * ids.count(END)


def main() -> None:
    """Make the file."""
    for absent in ("numba", "tiktoken"):
        sys.modules[absent] = types.ModuleType(absent)
    sys.modules["numba"].jit = lambda *_, **__: lambda function: function  # type: ignore[attr-defined]
    sys.modules["tiktoken"].Encoding = object  # type: ignore[attr-defined]
    sys.path.insert(0, sys.argv[1])
    import numpy as np
    import torch
    from whisper import audio, decoding, model, tokenizer, transcribe

    for name in ("split_to_word_tokens", "split_tokens_on_spaces", "split_tokens_on_unicode"):
        setattr(Characters, name, getattr(tokenizer.Tokenizer, name))

    values: dict[str, Any] = {
        "N_FRAMES": FRAMES,
        "N_SAMPLES": SECONDS * 16_000,
        "CHUNK_LENGTH": SECONDS,
        "get_tokenizer": lambda *_, **__: Characters(),
    }
    loop = sys.modules["whisper.transcribe"]
    for module in (audio, decoding, loop):
        for name, value in values.items():
            if hasattr(module, name):
                setattr(module, name, value)
    h, heads = COMMON["d_model"], COMMON["decoder_attention_heads"]
    dims = model.ModelDimensions(
        80, SOURCES, h, COMMON["encoder_attention_heads"], 2, COMMON["vocab_size"], TARGETS, h,
        heads, 2,
    )  # fmt: skip
    made = model.Whisper(dims)
    model.Whisper.is_multilingual = property(lambda _: True)
    for half in ("encoder", "decoder"):
        for block in getattr(made, half).blocks:
            feed = COMMON[f"{half}_ffn_dim"]
            block.mlp = torch.nn.Sequential(
                torch.nn.Linear(h, feed), torch.nn.GELU(), torch.nn.Linear(feed, h)
            )
    theirs = made.state_dict()
    shapes = json.loads((TARGET.parent / "whisper.json").read_text())["models"]["many-languages"]
    for name, shape in shapes["tensors"].items():
        weights = noise(int(np.prod(shape)), name, 0.3)
        if "norm" in name and name.endswith("weight"):
            weights = weights + np.float32(1)
        renamed = name.removeprefix("model.")
        for ours, other in NAMES:
            renamed = renamed.replace(ours, other)
        theirs[renamed].copy_(torch.from_numpy(weights).reshape(shape))
    made.load_state_dict(theirs)
    made.eval()
    suppressed = GENERATION["suppress_tokens"]
    result = {}
    for name, options in {
        "told": {},
        "untold": {"condition_on_previous_text": False},
        "prompted": {"initial_prompt": "names: Ada, Grace"},
        "plain": {"without_timestamps": True, "suppress_tokens": [*suppressed, *TIMES]},
    }.items():
        written = loop.transcribe(
            made,
            sound(),
            temperature=0.0,
            compression_ratio_threshold=None,
            logprob_threshold=None,
            no_speech_threshold=None,
            **{"language": "de", "fp16": False, "suppress_tokens": suppressed} | options,
        )
        result[name] = [
            {
                "start": round(s["start"], 3),
                "end": round(s["end"], 3),
                "text": s["text"],
                "tokens": s["tokens"],
                "avg_logprob": round(s["avg_logprob"], 5),
                "no_speech_prob": round(float(s["no_speech_prob"]), 7),
            }
            for s in written["segments"]
            if s["text"]
        ]
        print(name, *result[name], sep="\n")
    others = [id for id in range(END) if id not in SENTENCE]
    words = {}
    for name, heads, options in (
        ("later", None, {}),
        ("named", HEADS, {}),
        ("untold", HEADS, {"condition_on_previous_text": False}),
        ("plain", HEADS, {"without_timestamps": True, "suppress_tokens": [*suppressed, *TIMES]}),
        ("sentence", HEADS, {"suppress_tokens": [*suppressed, *others]}),
    ):
        mask = torch.zeros(2, COMMON["decoder_attention_heads"], dtype=torch.bool)
        mask[1] = heads is None  # the loop's default: all of the later half
        for layer, head in heads or ():
            mask[layer, head] = True
        made.register_buffer("alignment_heads", mask.to_sparse(), persistent=False)
        written = loop.transcribe(
            made,
            sound(),
            temperature=0.0,
            compression_ratio_threshold=None,
            logprob_threshold=None,
            no_speech_threshold=None,
            word_timestamps=True,
            **{"language": "de", "fp16": False, "suppress_tokens": suppressed} | options,
        )
        words[name] = [
            {
                "start": round(float(s["start"]), 3),
                "end": round(float(s["end"]), 3),
                "text": s["text"],
                "words": [
                    [
                        w["word"],
                        round(float(w["start"]), 3),
                        round(float(w["end"]), 3),
                        round(float(w["probability"]), 5),
                    ]
                    for w in s["words"]
                ],
            }
            for s in written["segments"]
            if s["text"]
        ]
        print(name, *words[name], sep="\n")
    path = TARGET.with_name("whisper_words.json")
    path.write_text(json.dumps({"heads": HEADS, "ways": words}, separators=(",", ":")) + "\n")
    print(path.name, path.stat().st_size)
    del transcribe
    TARGET.write_text(json.dumps(result, separators=(",", ":")) + "\n")
    print(TARGET.name, TARGET.stat().st_size)


if __name__ == "__main__":
    main()
