"""Makes sentences.f16: what the reference makes of the texts of `../sentences.py`.

    pip install torch==2.15.0 transformers==5.24.0
    python tests/golden/make_sentences.py MODELS    # what edgemesh_executor_ml.fetch fills

The file: SHA-256 of the texts, then a vector of 384 float16 of each, little-endian. Rounding to
float16 moves a vector's cosine by less than 1e-7. The reference is transformers' BertModel, the
mean of the vectors of all tokens, of length 1, as the model's modules.json says.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from tokenizers import Tokenizer
from transformers import BertModel

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from sentences import digest, sentences  # noqa: E402

MOST_TOKENS = 256


def main() -> None:
    folder = Path(sys.argv[1]) / "all-minilm-l6-v2"
    model = BertModel.from_pretrained(folder).eval()
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(MOST_TOKENS)
    texts = sentences()
    rows = []
    with torch.inference_mode():
        for text in texts:
            ids = torch.tensor([tokenizer.encode(text).ids])
            mean = model(input_ids=ids).last_hidden_state[0].mean(0)
            rows.append(torch.nn.functional.normalize(mean, dim=-1))
    vectors = torch.stack(rows).half().numpy().astype("<f2").tobytes()
    target = HERE / "sentences.f16"
    target.write_bytes(digest(texts) + vectors)
    print(target.name, target.stat().st_size)


if __name__ == "__main__":
    main()
