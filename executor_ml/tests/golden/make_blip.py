"""Makes crate/tests/golden/blip.json: two small random BLIPs, in transformers.

    pip install torch==2.15.0 transformers==5.24.0 pillow==12.3.0
    python tests/golden/make_blip.py NEW OLD   # Pythons with transformers 5 and with 4

Neither weights nor pictures are stored: `blip_reference.rs` makes the same ones.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from make_models import Models, both, configs, model_of  # noqa: E402
from make_vision import picture, processor, saved, text_of  # noqa: E402

TARGET = HERE.parents[1] / "crate" / "tests" / "golden" / "blip.json"
SIZE = 32
PICTURES = [(50, 37), (9, 30), (64, 64)]
LETTERS = "abcdefghijklmnopqrstuvwxyz"
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[DEC]", *LETTERS]
WORDS += [f"##{each}" for each in LETTERS]
WORDS += ["cat", "dog", "photo", "of", "how", "many", "are", "there", "?", ",", "##s", "'"]
VISION: dict[str, Any] = {
    "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 48,
    "image_size": SIZE, "patch_size": 8,
}  # fmt: skip
TEXT: dict[str, Any] = {
    "vocab_size": len(WORDS), "num_hidden_layers": 2, "num_attention_heads": 4,
    "intermediate_size": 40, "max_position_embeddings": 32, "bos_token_id": 5, "sep_token_id": 3,
    "eos_token_id": 3, "pad_token_id": 0,
}  # fmt: skip
MODELS: Models = {
    "caption": (
        "BlipConfig",
        "BlipForConditionalGeneration",
        {
            "vision_config": VISION | {"hidden_act": "gelu_new"},
            "text_config": TEXT | {"hidden_size": 24, "sep_token_id": 58},
        },
    ),
    "answer": (
        "BlipConfig",
        "BlipForQuestionAnswering",
        {
            "vision_config": VISION,
            "tie_word_embeddings": False,
            "text_config": TEXT
            | {"hidden_size": 32, "tie_word_embeddings": False, "sep_token_id": 68},
        },
    ),
}
TEXTS: dict[str, list[str | None]] = {
    "caption": [None, "a photo of"],
    "answer": ["How many cats are there?", "a dog"],
}
SEARCHES: list[dict[str, Any]] = [
    {"num_beams": 1},
    {"num_beams": 3},
    {"num_beams": 4, "length_penalty": 2.0, "early_stopping": True},
    {"num_beams": 3, "length_penalty": -1.0},
]
MOST = 10


def tokenizer() -> Any:
    """A tokenizer as BERT's, of letters and few words."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    made = Tokenizer(models.WordPiece({w: i for i, w in enumerate(WORDS)}, unk_token="[UNK]"))
    made.normalizer = normalizers.BertNormalizer()
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.decoder = decoders.WordPiece()
    made.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    made.add_special_tokens(WORDS[:6])
    return PreTrainedTokenizerFast(tokenizer_object=made, pad_token="[PAD]", sep_token="[SEP]")


def golden(name: str, config: dict[str, Any]) -> dict[str, Any]:
    """What one model gives."""
    import torch

    config_kind, kind, _ = MODELS[name]
    model, shapes = model_of(kind, config_kind, config)
    words, made = tokenizer(), processor("blip.Blip", {"size": {"height": SIZE, "width": SIZE}})
    end = model.config.text_config.sep_token_id
    said: list[dict[str, Any]] = []
    for size in PICTURES:
        seen = made([picture(*size)], return_tensors="pt")["pixel_values"]
        for text in TEXTS[name]:
            ids = None if text is None else torch.tensor([words(text)["input_ids"]])
            given = {} if ids is None else {"input_ids": ids.clone()}
            told: list[dict[str, Any]] = []
            for search in SEARCHES:
                fresh = {key: value.clone() for key, value in given.items()}
                out = model.generate(pixel_values=seen, max_new_tokens=MOST, **fresh, **search)
                start = 1 if ids is None or name == "answer" else ids.shape[1] - 1
                tokens = out[0, start:].tolist()
                if end in tokens:
                    tokens = tokens[: tokens.index(end) + 1]
                text_said = words.decode(out[0], skip_special_tokens=True)
                told.append({"search": search, "tokens": tokens, "text": text_said})
            with torch.inference_mode():
                if name == "answer":
                    prompt = torch.tensor([[5, 9, 20]])
                    seen_ = model.vision_model(seen)[0]
                    asked = model.text_encoder(input_ids=ids, encoder_hidden_states=seen_)[0]
                    logits = model.text_decoder(prompt, encoder_hidden_states=asked).logits
                else:
                    prompt = torch.tensor([[5, 9, 20]])
                    seen_ = model.vision_model(seen)[0]
                    logits = model.text_decoder(prompt, encoder_hidden_states=seen_).logits
            said.append(
                {
                    "size": size,
                    "text": text,
                    "ids": [] if ids is None else ids[0].tolist(),
                    "prompt": prompt[0].tolist(),
                    "logits": text_of(logits[0].numpy()),
                    "said": told,
                }
            )
            print(name, size, text, [each["tokens"] for each in told], told[1]["text"])
    return {
        "tensors": shapes,
        "tokenizer": json.loads(words.backend_tokenizer.to_str()),
        "preprocessor": saved(made, "preprocessor_config.json"),
        "pictures": said,
    }


def main() -> None:
    """Make the file."""
    if sys.argv[1] == "--configs":
        configs(MODELS)
        return
    new, old = both(__file__, *sys.argv[1:3])
    result = {
        name: {"config_5": new[name], "config_4": old[name]} | golden(name, new[name])
        for name in MODELS
    }
    TARGET.write_text(json.dumps({"models": result}, separators=(",", ":")) + "\n")
    print(TARGET.name, TARGET.stat().st_size)


if __name__ == "__main__":
    main()
