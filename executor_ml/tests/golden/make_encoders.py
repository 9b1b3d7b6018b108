"""Makes crate/tests/golden/encoders.json: small random encoders of every family, in transformers.

    pip install torch==2.15.0 transformers==5.24.0
    python tests/golden/make_encoders.py

The weights are not stored: `encoder_families.rs` makes the same ones from the tensors' names. Of
each family the file holds `config.json`, the tensors' names and shapes, and of three inputs the
first token's vector, the last one's and the mean of all; of cross-encoders the score of each pair.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
import transformers
from make_decoders import noise

HERE = Path(__file__).parent
TARGET = HERE.parents[1] / "crate" / "tests" / "golden" / "encoders.json"
LENGTHS = (1, 6, 75)
PAIRS = ((3, 5), (9, 31))
"""Tokens of a query and of a document."""


def ids(count: int) -> list[int]:
    """Never one of the first few, which are special."""
    return [(i * 29 + 11) % 88 + 5 for i in range(count)]


COMMON: dict[str, Any] = {
    "vocab_size": 96,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "max_position_embeddings": 96,
    "pad_token_id": 1,
}
DISTILBERT: dict[str, Any] = {
    "vocab_size": 96,
    "dim": 32,
    "hidden_dim": 48,
    "n_layers": 2,
    "n_heads": 4,
    "max_position_embeddings": 96,
}
ROTARY = {"rope_type": "default", "rope_theta": 1000.0}
FAMILIES: dict[str, tuple[str, dict[str, Any]]] = {
    "bert": ("Bert", COMMON | {"layer_norm_eps": 1e-12}),
    "bert-tanh": ("Bert", COMMON | {"hidden_act": "gelu_new"}),
    "distilbert": ("DistilBert", DISTILBERT),
    "roberta": ("Roberta", COMMON | {"type_vocab_size": 1, "layer_norm_eps": 1e-5}),
    "xlm-roberta": ("XLMRoberta", COMMON | {"type_vocab_size": 1, "hidden_act": "relu"}),
    "modernbert": (
        "ModernBert",
        COMMON | {"num_hidden_layers": 4, "local_attention": 8, "norm_eps": 1e-5},
    ),
    "modernbert-biases": (
        "ModernBert",
        COMMON
        | {
            **dict.fromkeys(("attention_bias", "mlp_bias", "norm_bias", "classifier_bias"), True),
            "classifier_pooling": "mean",
            "layer_types": ["sliding_attention", "full_attention"],
        },
    ),
    "nomic_bert": ("NomicBert", COMMON | {"rope_parameters": ROTARY}),
    "jina_embeddings_v3": ("JinaEmbeddingsV3", COMMON | {"type_vocab_size": 1}),
}
CROSS = ("bert", "distilbert", "roberta", "xlm-roberta", "modernbert", "modernbert-biases")


def fill(model: Any) -> dict[str, list[int]]:
    """Give a model its weights; their names and shapes."""
    tensors = {}
    for name, parameter in model.named_parameters():
        shape = list(parameter.shape)
        values = torch.from_numpy(noise(parameter.numel(), name, 0.3)).reshape(shape)
        if "norm" in name.lower() and name.endswith("weight"):
            values = values + 1
        with torch.no_grad():
            parameter.copy_(values)
        tensors[name] = shape
    return tensors


def rounded(vector: torch.Tensor) -> list[float]:
    """Enough digits."""
    return [round(float(x), 5) for x in vector]


def config(kind: str, given: dict[str, Any]) -> Any:
    """The configuration, computed in the plainest way."""
    made = getattr(transformers, f"{kind}Config")(**given)
    made._attn_implementation = "eager"
    return made


def encoder(kind: str, given: dict[str, Any]) -> dict[str, Any]:
    """Vectors of one family."""
    made = config(kind, given)
    extra = {} if kind in ("DistilBert", "ModernBert") else {"add_pooling_layer": False}
    model = getattr(transformers, f"{kind}Model")(made, **extra).float().eval()
    tensors = fill(model)
    vectors = []
    with torch.inference_mode():
        for count in LENGTHS:
            hidden = model(torch.tensor([ids(count)])).last_hidden_state[0]
            vectors.append([rounded(v) for v in (hidden[0], hidden[-1], hidden.mean(0))])
    written = json.loads(made.to_json_string(use_diff=False))
    return {"config": written, "tensors": tensors, "vectors": vectors}


def cross_encoder(kind: str, given: dict[str, Any]) -> dict[str, Any]:
    """Scores of one family, before any activation."""
    made = config(kind, given | {"num_labels": 1})
    model = getattr(transformers, f"{kind}ForSequenceClassification")(made).float().eval()
    tensors = fill(model)
    scores = []
    with torch.inference_mode():
        for query, document in PAIRS:
            inputs = {"input_ids": torch.tensor([ids(query + document)])}
            if getattr(made, "type_vocab_size", 0) > 1:
                inputs["token_type_ids"] = torch.tensor([[0] * query + [1] * document])
            scores.append(round(float(model(**inputs).logits[0, 0]), 5))
    written = json.loads(made.to_json_string(use_diff=False))
    written["architectures"] = [f"{kind}ForSequenceClassification"]
    return {"config": written, "tensors": tensors, "scores": scores}


def main() -> None:
    """Make the file."""
    result = {
        "ids": ids(max(LENGTHS)),
        "lengths": LENGTHS,
        "pairs": PAIRS,
        "encoders": {name: encoder(*made) for name, made in FAMILIES.items()},
        "cross_encoders": {name: cross_encoder(*FAMILIES[name]) for name in CROSS},
    }
    TARGET.write_text(json.dumps(result, separators=(",", ":")) + "\n")
    print(TARGET.name, TARGET.stat().st_size)


if __name__ == "__main__":
    main()
