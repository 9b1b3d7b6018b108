"""Makes crate/tests/golden/vision.json: small random models that read pictures, in transformers.

    pip install torch==2.15.0 transformers==5.24.0 pillow==12.3.0
    python tests/golden/make_vision.py NEW OLD   # Pythons with transformers 5 and with 4

Neither weights nor pictures are stored: `vision_families.rs` makes the same ones. Of each model the
file holds `config.json` as transformers 5 and 4 write it, the tensors' names and shapes, and what
it gives for some pixels; of each processor (those on Pillow) what it makes of some pictures; of
files of pictures what Pillow reads in them. Up to its version 12, Pillow always resizes across
before it resizes down; 13 sometimes does not, and so rounds otherwise.
"""

from __future__ import annotations

import base64
import io
import json
import math
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from make_decoders import noise  # noqa: E402

TARGET = HERE.parents[1] / "crate" / "tests" / "golden" / "vision.json"
LABELS = {0: "cat", 1: "dog", 2: "tree", 3: "sea", 4: "house"}
TEXTS = ["a cat", "a photo of a Dog", "the sea, at night!"]
PICTURES = [(50, 37), (9, 30), (64, 64), (8, 8), (33, 7)]

VIT: dict[str, Any] = {
    "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 48,
    "image_size": 32, "patch_size": 8,
}  # fmt: skip
DINO = {k: v for k, v in VIT.items() if k != "intermediate_size"}
TEXT: dict[str, Any] = {
    "hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 3, "intermediate_size": 40,
    "max_position_embeddings": 16,
}  # fmt: skip
EFFICIENT: dict[str, Any] = {
    "width_coefficient": 0.5, "depth_coefficient": 1.1, "image_size": 32,
    "in_channels": [32, 16, 24, 40], "out_channels": [16, 24, 40, 80],
    "kernel_sizes": [3, 3, 5, 5], "strides": [1, 2, 2, 1], "num_block_repeats": [1, 2, 1, 1],
    "expand_ratios": [1, 6, 6, 6], "hidden_dim": 640,
}  # fmt: skip
MODELS: dict[str, tuple[str, dict[str, Any]]] = {
    "vit": ("ViTForImageClassification", VIT),
    "vit-features": ("ViTModel", VIT | {"hidden_act": "gelu_new"}),
    "dinov2": ("Dinov2ForImageClassification", DINO),
    "dinov2-larger": ("Dinov2ForImageClassification", DINO | {"image_size": 56}),
    "dinov2-gated": ("Dinov2Model", DINO | {"use_swiglu_ffn": True}),
    "resnet": (
        "ResNetForImageClassification",
        {"embedding_size": 8, "hidden_sizes": [16, 32], "depths": [2, 1]},
    ),
    "resnet-basic": (
        "ResNetForImageClassification",
        {"embedding_size": 8, "hidden_sizes": [8, 16], "depths": [1, 2], "layer_type": "basic"},
    ),
    "resnet-early": (
        "ResNetForImageClassification",
        {
            "embedding_size": 8, "hidden_sizes": [16, 32], "depths": [1, 1],
            "downsample_in_bottleneck": True, "downsample_in_first_stage": True,
        },
    ),
    "convnext": (
        "ConvNextForImageClassification",
        {"hidden_sizes": [8, 12, 16], "depths": [1, 2, 1], "num_stages": 3},
    ),
    "convnextv2": (
        "ConvNextV2ForImageClassification",
        {"hidden_sizes": [8, 12, 16], "depths": [1, 2, 1], "num_stages": 3},
    ),
    "efficientnet": ("EfficientNetForImageClassification", EFFICIENT),
    "efficientnet-padded": (
        "EfficientNetForImageClassification",
        EFFICIENT | {"depthwise_padding": [1]},
    ),
    "mobilenet_v1": ("MobileNetV1ForImageClassification", {"depth_multiplier": 0.25}),
    "mobilenet_v2": ("MobileNetV2ForImageClassification", {"depth_multiplier": 0.35}),
    "mobilenet_v2-dilated": (
        "MobileNetV2ForImageClassification",
        {
            "depth_multiplier": 0.35, "output_stride": 8, "tf_padding": False,
            "finegrained_output": False, "first_layer_is_expansion": False,
        },
    ),
    "clip": (
        "CLIPModel",
        {
            "projection_dim": 20, "vision_config": VIT,
            "text_config": TEXT | {"vocab_size": 536, "bos_token_id": 514, "eos_token_id": 515},
        },
    ),
    "clip-legacy": (
        "CLIPModel",
        {
            "projection_dim": 20, "vision_config": VIT | {"hidden_act": "gelu"},
            "text_config": TEXT | {"vocab_size": 536, "bos_token_id": 0, "eos_token_id": 2},
        },
    ),
    "siglip": (
        "SiglipModel",
        {"vision_config": VIT, "text_config": TEXT | {"vocab_size": 40, "projection_size": 32}},
    ),
}  # fmt: skip
SMALL: dict[str, Any] = {"size": {"shortest_edge": 10}, "crop_size": {"height": 8, "width": 8}}
PROCESSORS: dict[str, tuple[str, dict[str, Any]]] = {
    "vit": ("vit.ViT", {"size": {"height": 8, "width": 7}}),
    "vit-lanczos": ("vit.ViT", {"size": {"height": 8, "width": 7}, "resample": 1}),
    "vit-nearest": ("vit.ViT", {"size": {"height": 8, "width": 7}, "resample": 0}),
    "vit-box": ("vit.ViT", {"size": {"height": 8, "width": 7}, "resample": 4}),
    "vit-hamming": ("vit.ViT", {"size": {"height": 8, "width": 7}, "resample": 5}),
    "bit": ("bit.Bit", SMALL),
    "bit-uncut": ("bit.Bit", SMALL | {"do_resize": False, "do_normalize": False}),
    "convnext": ("convnext.ConvNext", {"size": {"shortest_edge": 8}, "resample": 2}),
    "efficientnet": ("efficientnet.EfficientNet", {"size": {"height": 8, "width": 8}}),
    "efficientnet-offset": (
        "efficientnet.EfficientNet",
        {"size": {"height": 8, "width": 8}, "rescale_offset": True, "include_top": False,
         "rescale_factor": 1 / 127.5},
    ),
    "mobilenet_v1": ("mobilenet_v1.MobileNetV1", SMALL),
    "mobilenet_v2": ("mobilenet_v2.MobileNetV2", SMALL | {"crop_size": {"height": 9, "width": 6}}),
    "clip": ("clip.CLIP", SMALL),
    "siglip": ("siglip.Siglip", {"size": {"height": 8, "width": 8}}),
}  # fmt: skip


def text_of(values: Any) -> str:
    """Numbers as base64 of little-endian binary32."""
    import numpy as np

    return base64.b64encode(np.ascontiguousarray(values, "<f4").tobytes()).decode()


def picture(height: int, width: int) -> Any:
    """As `picture` in vision_families.rs: smooth here, rough there."""
    import numpy as np

    y, x, c = np.meshgrid(np.arange(height), np.arange(width), np.arange(3), indexing="ij")
    value = (x * 5 + y * 3 * (c + 1) + (x * y * (c + 3)) // 7) % 256
    return value.astype(np.uint8)


def weights_of(name: str, shape: list[int]) -> Any:
    """As `weights` in vision_families.rs."""
    import numpy as np

    fan = math.prod(shape[1:]) if len(shape) > 1 else 0
    scale = np.float32(math.sqrt(3 / fan)) if fan else np.float32(0.3)
    values = noise(math.prod(shape), name, scale)
    if name.endswith("running_var"):
        values = np.abs(values) + np.float32(0.5)
    is_norm = any(part in name for part in ("norm", "_bn", "layrnorm"))
    if is_norm and name.endswith(".weight"):
        values = values + np.float32(1)
    return values.reshape(shape)


def configs() -> None:
    """Print each model's configuration as the transformers of this Python writes it."""
    import transformers

    out = {}
    for name, (kind, given) in MODELS.items():
        stem = kind.removesuffix("ForImageClassification").removesuffix("Model")
        labels = {} if kind.endswith("Model") else {"id2label": LABELS}
        config = getattr(transformers, f"{stem}Config")(**given | labels)
        config.architectures = [kind]
        out[name] = json.loads(config.to_json_string())
    print(json.dumps(out))


def clip_tokenizer() -> Any:
    """A tokenizer as CLIP's, of bytes and few words."""
    from tokenizers.pre_tokenizers import ByteLevel
    from transformers import CLIPTokenizer

    letters = sorted(ByteLevel.alphabet())
    merges = [("c", "a"), ("ca", "t</w>"), ("d", "o"), ("do", "g</w>")]
    words = letters + [f"{each}</w>" for each in letters] + ["ca", "cat</w>"]
    words += ["<|startoftext|>", "<|endoftext|>", "do", "dog</w>"]
    return CLIPTokenizer(vocab={word: i for i, word in enumerate(words)}, merges=merges)


def siglip_tokenizer() -> Any:
    """A tokenizer like SigLIP's: pieces, an end, padded."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    pieces = ["<unk>", "</s>", "\u2581", *"abcdefghijklmnopqrstuvwxyz", "\u2581a", "\u2581photo"]
    model = models.Unigram([(piece, -float(i)) for i, piece in enumerate(pieces)], unk_id=0)
    made = Tokenizer(model)
    made.normalizer = normalizers.Lowercase()
    made.pre_tokenizer = pre_tokenizers.Metaspace()
    made.post_processor = processors.TemplateProcessing(
        single="$A </s>", special_tokens=[("</s>", 1)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=made, unk_token="<unk>", eos_token="</s>", pad_token="</s>"
    )


def processor(kind: str, given: dict[str, Any]) -> Any:
    """A processor on Pillow."""
    import importlib

    module, name = kind.split(".")
    found = importlib.import_module(f"transformers.models.{module}.image_processing_pil_{module}")
    return getattr(found, f"{name}ImageProcessorPil")(**given)


def saved(made: Any, name: str) -> Any:
    """A file that it writes."""
    with tempfile.TemporaryDirectory() as folder:
        made.save_pretrained(folder)
        return json.loads((Path(folder) / name).read_text())


def pixels(height: int, width: int) -> Any:
    """Two pictures, [2, height, width, 3]."""
    return noise(2 * height * width * 3, "pixels", 1.0).reshape(2, height, width, 3)


def model_of(name: str, config: dict[str, Any]) -> tuple[Any, dict[str, list[int]]]:
    """A model, and its tensors' shapes by the names that its file has for them."""
    import torch
    import transformers
    from safetensors import safe_open
    from safetensors.torch import save_file

    kind = MODELS[name][0]
    stem = kind.removesuffix("ForImageClassification").removesuffix("Model")
    made = getattr(transformers, f"{stem}Config")(**config)
    made._attn_implementation = "eager"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.safetensors"
        getattr(transformers, kind)(made).save_pretrained(folder)
        with safe_open(path, "pt") as file:
            shapes = {each: list(file.get_slice(each).get_shape()) for each in file.keys()}  # noqa: SIM118
        counted = {n: s for n, s in shapes.items() if not n.endswith("num_batches_tracked")}
        values = {n: torch.from_numpy(weights_of(n, s)) for n, s in counted.items()}
        for n in shapes.keys() - counted.keys():
            values[n] = torch.zeros((), dtype=torch.int64)
        save_file(values, path, metadata={"format": "pt"})
        model = getattr(transformers, kind).from_pretrained(folder, attn_implementation="eager")
    return model.float().eval(), counted


def pair_of(name: str, model: Any) -> dict[str, Any]:
    """What CLIP or SigLIP makes of a picture and texts."""
    import torch

    if name.startswith("clip"):
        tokenizer, padding = clip_tokenizer(), True
        made = processor("clip.CLIP", {"size": {"shortest_edge": 32}, "crop_size": 32})
    else:
        tokenizer, padding = siglip_tokenizer(), "max_length"
        made = processor("siglip.Siglip", {"size": {"height": 32, "width": 32}})
    given = tokenizer(TEXTS, padding=padding, max_length=16, truncation=True)
    ids = torch.tensor(given["input_ids"])
    mask = torch.tensor(given["attention_mask"]) if name.startswith("clip") else None
    seen = made([picture(*size) for size in PICTURES[:2]], return_tensors="pt")["pixel_values"]
    with torch.inference_mode():
        out = model(input_ids=ids, pixel_values=seen, attention_mask=mask)
        logits = out.logits_per_image
        likely = logits.softmax(1) if name.startswith("clip") else logits.sigmoid()
    return {
        "tokenizer": json.loads(tokenizer.backend_tokenizer.to_str()),
        "tokenizer_config": {"pad_token": tokenizer.pad_token},
        "preprocessor": saved(made, "preprocessor_config.json"),
        "ids": given["input_ids"],
        "image_embeds": text_of(out.image_embeds),
        "text_embeds": text_of(out.text_embeds),
        "probabilities": text_of(likely),
    }


def golden(name: str, config: dict[str, Any]) -> dict[str, Any]:
    """What one model gives."""
    import torch

    model, shapes = model_of(name, config)
    out: dict[str, Any] = {"tensors": shapes}
    if "vision_config" in config:
        return out | pair_of(name, model)
    given = torch.from_numpy(pixels(32, 32)).permute(0, 3, 1, 2)
    with torch.inference_mode():
        if MODELS[name][0].endswith("Model"):
            features = model(given).last_hidden_state[:, 0]
            return out | {"features": text_of(features), "logits": ""}
        return out | {"logits": text_of(model(given).logits)}


def files() -> list[dict[str, Any]]:
    """Files of pictures, and what is in them."""
    import numpy as np
    from PIL import Image, ImageOps

    colours = Image.fromarray(picture(11, 14))
    alpha = colours.copy()
    alpha.putalpha(Image.fromarray(picture(11, 14)[:, :, 0]))
    exif = Image.Exif()
    exif[0x0112] = 6
    made: list[tuple[str, Any, dict[str, Any]]] = [
        ("png", colours, {"format": "PNG"}),
        ("png-alpha", alpha, {"format": "PNG"}),
        ("png-palette", colours.quantize(9), {"format": "PNG"}),
        ("png-grey", colours.convert("L"), {"format": "PNG"}),
        ("png-grey-alpha", alpha.convert("LA"), {"format": "PNG"}),
        ("png-bits", colours.convert("1"), {"format": "PNG"}),
        ("png-turned", colours, {"format": "PNG", "exif": exif}),
        ("webp", colours, {"format": "WEBP", "lossless": True}),
        ("jpeg", colours, {"format": "JPEG", "quality": 95, "subsampling": 0}),
        ("jpeg-grey", colours.convert("L"), {"format": "JPEG", "quality": 95}),
        ("jpeg-turned", colours, {"format": "JPEG", "quality": 95, "exif": exif, "subsampling": 0}),
        ("jpeg-progressive", colours,
         {"format": "JPEG", "quality": 95, "progressive": True, "subsampling": 0}),
    ]  # fmt: skip
    out: list[dict[str, Any]] = []
    for name, image, how in made:
        file = io.BytesIO()
        image.save(file, **how)
        read = np.array(ImageOps.exif_transpose(Image.open(file)).convert("RGB"))
        height, width, _ = read.shape
        out.append(
            {
                "name": name,
                "file": base64.b64encode(file.getvalue()).decode(),
                "height": height,
                "width": width,
                "rgb": base64.b64encode(read.tobytes()).decode(),
            }
        )
    return out


def main() -> None:
    """Make the file."""
    if sys.argv[1] == "--configs":
        configs()
        return
    new, old = (
        json.loads(subprocess.check_output([python, __file__, "--configs"]))
        for python in sys.argv[1:3]
    )
    result: dict[str, Any] = {"texts": TEXTS, "models": {}, "processors": {}, "files": files()}
    for name in MODELS:
        made = golden(name, new[name])
        result["models"][name] = {"config_5": new[name], "config_4": old[name]} | made
        print(name, flush=True)
    for name, (kind, given) in PROCESSORS.items():
        made = processor(kind, given)
        seen = [made(picture(*size), return_tensors="np")["pixel_values"][0] for size in PICTURES]
        result["processors"][name] = {
            "config": saved(made, "preprocessor_config.json"),
            "pictures": [
                {
                    "size": size,
                    "height": each.shape[1],
                    "width": each.shape[2],
                    "values": text_of(each.transpose(1, 2, 0)),
                }
                for size, each in zip(PICTURES, seen, strict=True)
            ],
        }
        print(name, {each.shape for each in seen}, flush=True)
    TARGET.write_text(json.dumps(result, indent=None, separators=(",", ":")) + "\n")
    print(TARGET.name, TARGET.stat().st_size)


if __name__ == "__main__":
    main()
