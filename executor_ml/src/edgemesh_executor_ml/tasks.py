"""What models are for, which families do it, and which files they are made of.

Rules: known to the front and to processes that are thrown away, so nothing native is imported here;
`opened.py` has what a worker opens a task's model with.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from edgemesh_executor_ml.manifest import Unusable

_TEXT = (
    "tokenizer_config.json", "generation_config.json", "modules.json", "chat_template.jinja",
    "sentence_bert_config.json", "special_tokens_map.json", "1_Pooling/config.json",
    "config_sentence_transformers.json",
)  # fmt: skip
_SOUND = (
    "generation_config.json", "preprocessor_config.json", "processor_config.json",
    "tokenizer_config.json",
)  # fmt: skip

_PICTURES = ("preprocessor_config.json", "processor_config.json")
_CLASSIFIERS = (
    "vit", "dinov2", "resnet", "convnext", "convnextv2", "efficientnet", "mobilenet_v1",
    "mobilenet_v2",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Task:
    """One thing that models are for."""

    families: tuple[str, ...]
    """Values of `model_type` in config.json, or of `general.architecture` of a GGUF."""
    heads: tuple[str, ...] = ()
    """Ends of `architectures[0]` that say so, where a family does several; none: all others."""
    needs: tuple[str | tuple[str, ...], ...] = ("tokenizer.json",)
    """JSON files beside config.json that must be there; of several names, one."""
    optional: tuple[str, ...] = _TEXT
    """Files that belong to the model where they are there."""
    weights: str = "safetensors"
    """Their format, in a folder without a manifest."""


ONNX = "onnx"
"""The family of what comes as one file that says all."""
_BESIDE = ("metadata.json", "labels.json", "preprocessor_config.json")
"""Files that may tell of what a graph takes and gives; nothing reads them."""
_YOLO = Task(("yolov8", "yolo11"), needs=(), optional=())

TASKS: Mapping[str, Task] = {
    "embed": Task(
        (
            "bert",
            "distilbert",
            "roberta",
            "xlm-roberta",
            "modernbert",
            "nomic_bert",
            "jina_embeddings_v3",
        ),
    ),
    "rerank": Task(
        ("bert", "distilbert", "roberta", "xlm-roberta", "modernbert"),
        heads=("ForSequenceClassification",),
    ),
    "generate": Task(
        ("llama", "mistral", "qwen2", "qwen3", "gemma", "gemma2", "gemma3", "phi3"),
    ),
    "transcribe": Task(("whisper",), ("ForConditionalGeneration",), optional=_SOUND),
    "classify_image": Task(_CLASSIFIERS, needs=(_PICTURES,), optional=()),
    "image_text": Task(("clip", "siglip"), needs=("tokenizer.json", _PICTURES)),
    "caption_image": Task(
        ("blip",), ("ForConditionalGeneration",), needs=("tokenizer.json", _PICTURES)
    ),
    "answer_image": Task(("blip",), ("ForQuestionAnswering",), needs=("tokenizer.json", _PICTURES)),
    "segment_anything": Task(("sam",), needs=(_PICTURES,), optional=()),
    "detect": _YOLO,
    "segment": _YOLO,
    "pose": _YOLO,
    "vad": Task(("silero-vad",), needs=(), optional=_BESIDE, weights="onnx"),
    "onnx": Task((ONNX,), needs=(), optional=_BESIDE, weights="onnx"),
}
_ALIASES = {"gemma3_text": "gemma3"}


def supported(task: str, family: str) -> None:
    """Whether there is such a model. Raises Unusable, with all that there are."""
    if task not in TASKS or family not in TASKS[task].families:
        there_are = "; ".join(
            f"{name} by {', '.join(each.families)}" for name, each in TASKS.items()
        )
        raise Unusable(f"{task} by {family[:64]} is not supported; there is: {there_are}")


def told_by(config: Mapping[str, Any]) -> tuple[str, str]:
    """Task and family of a `config.json`. Raises Unusable."""
    told = str(config.get("model_type", ""))
    family = _ALIASES.get(told, told)
    architectures = cast("list[object]", config.get("architectures") or [""])
    head = str(architectures[0])
    fitting = {name: task for name, task in TASKS.items() if family in task.families}
    if (asked := str(config.get("task"))) in fitting:
        return asked, family
    for name, task in fitting.items():
        if task.heads and head.endswith(task.heads):
            return name, family
    task = next((name for name, each in fitting.items() if not each.heads), "")
    supported(task or "a model", family or "no model_type")
    return task, family
