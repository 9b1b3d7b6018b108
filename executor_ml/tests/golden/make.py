"""Makes the golden files beside it from the reference implementations, in PyTorch on CPU.

    pip install torch==2.13.0 transformers==5.23.0 sentence-transformers==6.2.0 gguf accelerate
    python tests/golden/make.py MODELS    # the folder that edgemesh_executor_ml.fetch fills

| file | reference |
| --- | --- |
| embeddings.json | sentence-transformers on MiniLM's folder |
| greedy.json | transformers' Llama on the dequantised weights of SmolLM2's GGUF |
| ../../crate/tests/golden/llama.json | transformers' Llama on the weights of `llama_reference.rs` |
"""

from __future__ import annotations

import base64
import json
import sys
from pathlib import Path

import numpy as np
import torch
from transformers import LlamaConfig, LlamaForCausalLM

HERE = Path(__file__).parent
CRATE = HERE.parents[1] / "crate" / "tests" / "golden"

TEXTS = [
    "",
    "a",
    "The quick brown fox jumps over the lazy dog.",
    "Sunspots come and go in a cycle of about eleven years.",
    "How long is the solar cycle?",
    "Ünïcode: naïve café, Straße, ĄĘŁ",
    "日本語のテキストと中文文本",
    "สวัสดีชาวโลก ภาษาไทย",
    "🙂🙃 emoji 👩‍👩‍👧‍👦 family",
    "  spaces \t tabs \n\n newlines  ",
    "x" * 500,
    "!?.,;:()[]{}",
    "1234567890 3.14159 2,718,281",
    "control \x00 \x07 characters",
    "[CLS] [SEP] [MASK] special words",
    "word " * 300,
    "One. " * 40,
    "ALL CAPS AND MiXeD CaSe",
    "https://example.org/path?query=1#fragment",
    "e\u0301 decomposed, \u200bzero width",
]

PROMPTS = [
    [{"role": "user", "content": "Name three colours of the rainbow."}],
    [{"role": "user", "content": "What is the capital of France?"}],
    [
        {"role": "system", "content": "You answer in one short sentence."},
        {"role": "user", "content": "Why is the sky blue?"},
    ],
    "Once upon a time",
    "def fibonacci(n):",
]
GREEDY_TOKENS = 48


def embeddings(models: Path) -> None:
    """The vectors of TEXTS."""
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(models / "all-minilm-l6-v2"), device="cpu")
    vectors = model.encode(TEXTS, normalize_embeddings=True, batch_size=1).astype("<f4")
    pooled = SentenceTransformer(modules=[model[0], model[1]], device="cpu")  # not normalised
    raw = pooled.encode(TEXTS[2:4], batch_size=1).astype("<f4")
    save(
        HERE / "embeddings.json",
        {
            "texts": TEXTS,
            "vectors": base64.b64encode(vectors.tobytes()).decode(),
            "raw_texts": TEXTS[2:4],
            "raw_vectors": base64.b64encode(raw.tobytes()).decode(),
        },
    )


def greedy(models: Path) -> None:
    """Greedy continuations, and how near the runner-up was: near ties may part on other CPUs."""
    from transformers import AutoTokenizer

    folder, name = str(models / "smollm2-135m-instruct"), "model.gguf"
    model = LlamaForCausalLM.from_pretrained(folder, gguf_file=name, dtype=torch.float32).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder, gguf_file=name)
    cases = []
    for prompt in PROMPTS:
        text = prompt
        if not isinstance(prompt, str):
            text = tokenizer.apply_chat_template(prompt, tokenize=False, add_generation_prompt=True)
        ids = tokenizer(text, add_special_tokens=False)["input_ids"]
        with torch.inference_mode():
            out = model.generate(
                torch.tensor([ids]),
                max_new_tokens=GREEDY_TOKENS,
                do_sample=False,
                eos_token_id=[0, 2],
                pad_token_id=2,
            )[0]
            logits = model(out[None]).logits[0, len(ids) - 1 : -1]
        new = out[len(ids) :].tolist()
        top = torch.topk(logits, 2).values
        logprobs = torch.log_softmax(logits, -1)[range(len(new)), new]
        cases.append(
            {
                "prompt": prompt,
                "prompt_ids": ids,
                "ids": new,
                "logprobs": [round(float(x), 5) for x in logprobs],
                "margins": [round(float(a - b), 4) for a, b in top],
                "text": tokenizer.decode([i for i in new if i not in (0, 2)]),
            }
        )
    save(HERE / "greedy.json", cases)


def tiny_llama() -> None:
    """Logits of the model that llama_reference.rs builds from a congruential generator."""
    hidden, heads, kv_heads, feed, layers, vocabulary = 64, 4, 2, 96, 2, 96
    config = LlamaConfig(
        hidden_size=hidden,
        num_attention_heads=heads,
        num_key_value_heads=kv_heads,
        intermediate_size=feed,
        num_hidden_layers=layers,
        vocab_size=vocabulary,
        max_position_embeddings=128,
        rope_theta=10_000.0,
        rms_norm_eps=1e-5,
        tie_word_embeddings=True,
    )
    model = LlamaForCausalLM(config).float().eval()
    kv = kv_heads * hidden // heads
    shapes = {"model.embed_tokens": (vocabulary, hidden)}
    for i in range(layers):
        layer = f"model.layers.{i}."
        shapes |= {
            f"{layer}self_attn.q_proj": (hidden, hidden),
            f"{layer}self_attn.k_proj": (kv, hidden),
            f"{layer}self_attn.v_proj": (kv, hidden),
            f"{layer}self_attn.o_proj": (hidden, hidden),
            f"{layer}mlp.gate_proj": (feed, hidden),
            f"{layer}mlp.up_proj": (feed, hidden),
            f"{layer}mlp.down_proj": (hidden, feed),
        }
    gains = ["model.norm"]
    for i in range(layers):
        gains += [f"model.layers.{i}.input_layernorm", f"model.layers.{i}.post_attention_layernorm"]
    weights = {}
    for i, (name, shape) in enumerate(shapes.items()):
        weight = noise(shape[0] * shape[1], i + 1).reshape(shape)
        for part, count in (("q_proj", heads), ("k_proj", kv_heads)):
            if name.endswith(part):  # GGUF keeps rotary pairs side by side, transformers in halves
                pairs = weight.reshape(count, shape[0] // count // 2, 2, shape[1])
                weight = pairs.swapaxes(1, 2).reshape(shape)
        weights[f"{name}.weight"] = torch.from_numpy(weight.copy())
    for i, name in enumerate(gains):
        weights[f"{name}.weight"] = torch.from_numpy(noise(hidden, 100 + i) + np.float32(1))
    missing = model.load_state_dict(weights, strict=False).missing_keys
    assert missing in ([], ["lm_head.weight"]), missing
    model.tie_weights()
    logits = {}
    for n in (1, 2, 3, 17):
        ids = [(i * 29 + 7) % 90 for i in range(n)]
        with torch.inference_mode():
            last = model(torch.tensor([ids])).logits[0, -1]
        logits[str(n)] = [round(float(x), 6) for x in last]
    save(CRATE / "llama.json", logits)


def noise(count: int, seed: int) -> np.ndarray:
    """As `random` in llama_reference.rs."""
    state = (seed * 2_654_435_761 % 2**32) | 1
    values = np.empty(count, np.float32)
    for i in range(count):
        state = (state * 1_664_525 + 1_013_904_223) % 2**32
        values[i] = (np.float32(state >> 8) / np.float32(1 << 23) - np.float32(1)) * np.float32(0.2)
    return values


def save(path: Path, value: object) -> None:
    """As JSON, one line per top-level entry."""
    path.write_text(json.dumps(value, ensure_ascii=False, indent=0) + "\n", encoding="utf-8")
    print(path.name, path.stat().st_size)


if __name__ == "__main__":
    tiny_llama()
    embeddings(Path(sys.argv[1]))
    greedy(Path(sys.argv[1]))
