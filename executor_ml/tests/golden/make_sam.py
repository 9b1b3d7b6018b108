"""Makes crate/tests/golden/sam.json: small random SAMs, in transformers.

    pip install torch==2.15.0 transformers==5.24.0 pillow==12.3.0
    python tests/golden/make_sam.py NEW OLD   # Pythons with transformers 5 and with 4

Neither weights nor pictures are stored: `sam_reference.rs` makes the same ones.
"""

from __future__ import annotations

import base64
import json
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from make_models import Models, both, configs, model_of  # noqa: E402
from make_vision import picture, processor, saved, text_of  # noqa: E402

TARGET = HERE.parents[1] / "crate" / "tests" / "golden" / "sam.json"
SIZE = 32
VISION: dict[str, Any] = {
    "hidden_size": 24, "output_channels": 32, "num_hidden_layers": 3, "num_attention_heads": 3,
    "image_size": SIZE, "patch_size": 4, "window_size": 3, "global_attn_indexes": [1],
    "num_pos_feats": 16, "mlp_dim": 40,
}  # fmt: skip
PROMPTS: dict[str, Any] = {
    "hidden_size": 32, "image_size": SIZE, "patch_size": 4, "mask_input_channels": 4,
}  # fmt: skip
MASKS: dict[str, Any] = {
    "hidden_size": 32, "mlp_dim": 48, "num_attention_heads": 4, "iou_head_hidden_dim": 20,
}  # fmt: skip
PARTS = {
    "vision_config": VISION,
    "prompt_encoder_config": PROMPTS,
    "mask_decoder_config": MASKS,
}
MODELS: Models = {
    "windows": ("SamConfig", "SamModel", PARTS),
    "plain": (
        "SamConfig",
        "SamModel",
        PARTS
        | {
            "vision_config": VISION
            | {"use_abs_pos": False, "use_rel_pos": False, "qkv_bias": False, "window_size": 4},
            "mask_decoder_config": MASKS
            | {"hidden_act": "gelu", "iou_head_depth": 4, "num_hidden_layers": 1},
        },
    ),
}
PICTURES = [(50, 37), (9, 30), (20, 20)]
ASKED: list[dict[str, Any]] = [
    {"points": [[5, 4]], "labels": [1]},
    {"points": [[5, 4], [20, 7], [1, 8]], "labels": [1, 0, 1]},
    {"box": [2, 1, 15, 8]},
    {"points": [[9, 3]], "labels": [0], "box": [0, 0, 19, 8]},
]


def golden(name: str, config: dict[str, Any]) -> dict[str, Any]:
    """What one model gives."""
    import numpy as np
    import torch
    from transformers import SamProcessor

    config_kind, kind, _ = MODELS[name]
    model, shapes = model_of(kind, config_kind, config)
    sides = {"height": SIZE, "width": SIZE}
    image = processor("sam.Sam", {"size": {"longest_edge": SIZE}, "pad_size": sides})
    made = SamProcessor(image)
    seen: list[dict[str, Any]] = []
    for size in PICTURES:
        told: list[dict[str, Any]] = []
        for asked in ASKED:
            given: dict[str, Any] = {}
            if "points" in asked:
                given["input_points"] = [[asked["points"]]]
                given["input_labels"] = [[asked["labels"]]]
            if "box" in asked:
                given["input_boxes"] = [[asked["box"]]]
            inputs = made(images=[picture(*size)], return_tensors="pt", **given)
            prompt = {key: value for key, value in inputs.items() if key.startswith("input_")}
            for many in (True, False):
                with torch.inference_mode():
                    out = model(inputs["pixel_values"], multimask_output=many, **prompt)
                masks = image.post_process_masks(
                    out.pred_masks, inputs["original_sizes"], inputs["reshaped_input_sizes"]
                )
                bits = np.packbits(masks[0].numpy()[0].reshape(-1))
                one: dict[str, Any] = asked | {
                    "many": many,
                    "scores": text_of(out.iou_scores[0, 0].numpy()),
                    "masks": base64.b64encode(bits.tobytes()).decode(),
                }
                if not told:
                    one["values"] = text_of(out.pred_masks[0, 0].numpy())
                told.append(one)
                print(name, size, asked, many, masks[0].float().mean().item())
        with torch.inference_mode():
            embedded = model.get_image_embeddings(inputs["pixel_values"])[0]
        seen.append(
            {
                "size": size,
                "embedding": text_of(embedded.permute(1, 2, 0).numpy()),
                "asked": told,
            }
        )
    return {
        "tensors": shapes,
        "preprocessor": saved(image, "preprocessor_config.json"),
        "pictures": seen,
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
