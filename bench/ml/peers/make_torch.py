"""Makes models with random weights, and MiniLM as ONNX: `python make_torch.py FOLDER MINILM`.

Rules: in the environment of PyTorch; a model's folder appears whole or not at all, and one that
there is, is left. What is random is seeded.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import torch
import words
from transformers import (
    BertModel,
    LlamaConfig,
    LlamaForCausalLM,
    ResNetConfig,
    ResNetForImageClassification,
    ViTConfig,
    ViTForImageClassification,
    ViTImageProcessor,
    WhisperConfig,
    WhisperForConditionalGeneration,
)
from yolo import Yolo

CLASSES = {str(i): f"class {i}" for i in range(80)}


def minilm_onnx(folder: Path) -> None:
    model = BertModel.from_pretrained(sys.argv[2]).eval()

    class Hidden(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
            return self.model(input_ids=ids, attention_mask=mask).last_hidden_state

    ids = torch.ones(2, 8, dtype=torch.int64)
    both = {0: "texts", 1: "tokens"}
    torch.onnx.export(
        Hidden(),
        (ids, ids),
        str(folder / "model.onnx"),
        input_names=["ids", "mask"],
        output_names=["hidden"],
        dynamic_axes={"ids": both, "mask": both, "hidden": both},
        dynamo=False,
    )


def llama(folder: Path) -> None:
    """58 million weights."""
    config = LlamaConfig(
        vocab_size=32_000,
        hidden_size=512,
        intermediate_size=1536,
        num_hidden_layers=8,
        num_attention_heads=8,
        num_key_value_heads=4,
        max_position_embeddings=2048,
        initializer_range=0.05,
        bos_token_id=None,
        eos_token_id=31_999,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    (folder / "tokenizer.json").write_text(json.dumps(words.tokenizer(32_000)))


def vit(folder: Path) -> None:
    ViTForImageClassification(ViTConfig(num_labels=1000)).save_pretrained(folder)
    ViTImageProcessor(image_mean=[0.5] * 3, image_std=[0.5] * 3).save_pretrained(folder)


def resnet(folder: Path) -> None:
    ResNetForImageClassification(ResNetConfig(num_labels=1000)).save_pretrained(folder)
    ViTImageProcessor(image_mean=[0.5] * 3, image_std=[0.5] * 3).save_pretrained(folder)


def yolo(folder: Path) -> None:
    Yolo(classes=80).write(folder)
    config = {"model_type": "yolov8", "task": "detect", "names": CLASSES, "imgsz": 640}
    (folder / "config.json").write_text(json.dumps(config))


def whisper(folder: Path) -> None:
    """The tiny one's shape; it says one word until it has no more room."""
    control = words.CONTROL
    first_time = words.WHISPER + len(control)
    config = WhisperConfig(
        vocab_size=first_time + 1501,
        d_model=384,
        encoder_layers=4,
        decoder_layers=4,
        encoder_attention_heads=6,
        decoder_attention_heads=6,
        encoder_ffn_dim=1536,
        decoder_ffn_dim=1536,
        max_target_positions=448,
        decoder_start_token_id=words.WHISPER + control.index("<|startoftranscript|>"),
        eos_token_id=words.WHISPER,
        bos_token_id=words.WHISPER,
        pad_token_id=words.WHISPER,
        suppress_tokens=[],
        begin_suppress_tokens=[],
    )
    model = WhisperForConditionalGeneration(config)
    with torch.no_grad():  # whatever is heard, the state points at a word that is not the end
        model.model.decoder.layer_norm.bias.copy_(model.proj_out.weight[words.WORD] * 1000)
    model.generation_config.update(
        is_multilingual=True,
        lang_to_id={"<|en|>": words.WHISPER + control.index("<|en|>")},
        task_to_id={"transcribe": words.WHISPER + control.index("<|transcribe|>")},
        no_timestamps_token_id=words.WHISPER + control.index("<|notimestamps|>"),
        max_initial_timestamp_index=50,
        suppress_tokens=[],
        begin_suppress_tokens=[],
    )
    model.save_pretrained(folder)
    features = {"feature_size": 80, "hop_length": 160, "n_fft": 400, "sampling_rate": 16_000}
    (folder / "preprocessor_config.json").write_text(json.dumps(features | {"chunk_length": 30}))
    (folder / "tokenizer.json").write_text(json.dumps(words.whisper_tokenizer()))


def whisper_ct2(folder: Path) -> None:
    """The same as CTranslate2 keeps it."""
    from ctranslate2.converters import TransformersConverter

    original = folder.with_name("whisper")
    files = ["tokenizer.json", "preprocessor_config.json"]
    converter = TransformersConverter(str(original), copy_files=files)
    converter.convert(str(folder), force=True)


MODELS: dict[str, Callable[[Path], None]] = {
    "minilm-onnx": minilm_onnx,
    "llama-58m": llama,
    "vit": vit,
    "resnet": resnet,
    "yolo": yolo,
    "whisper": whisper,
    "whisper-ct2": whisper_ct2,
}


def main() -> None:
    for name, make in MODELS.items():
        target = Path(sys.argv[1]) / name
        if target.exists():
            continue
        unfinished = target.with_name(f".{name}")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        torch.manual_seed(0)
        make(unfinished)
        unfinished.rename(target)


if __name__ == "__main__":
    main()
