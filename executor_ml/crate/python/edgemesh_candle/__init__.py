"""Candle models on CPU: sentence embeddings and text generation.

Rules: models are opened from immutable folders, whose files are mapped and shared between
processes; work advances in steps (`EmbedJob.step`, `Generation.prefill`, `Generation.next`) that
run without the interpreter lock, so that callers look at deadlines between them. Set
RAYON_NUM_THREADS and CANDLE_NUM_THREADS before the first import.
"""

from edgemesh_candle._cpu import check

check()

from edgemesh_candle._native import (  # noqa: E402 - only a checked CPU may load it
    BUILD,
    MOST_OPS,
    Attempt,
    CandleError,
    ChatError,
    Classifier,
    ConstraintError,
    Detector,
    Embedder,
    EmbedJob,
    Evaluation,
    Found,
    Generation,
    Generator,
    GraphError,
    ImageText,
    Interrupted,
    ModelError,
    NumericError,
    ParameterError,
    Picture,
    PictureError,
    Prepared,
    PromptTooLong,
    Reranker,
    RerankJob,
    Segment,
    Sound,
    SoundExpected,
    TextTooLong,
    Token,
    Transcriber,
    Transcription,
    __version__,
    kernels,
    threads,
)

__all__ = [
    "BUILD",
    "MOST_OPS",
    "Attempt",
    "CandleError",
    "ChatError",
    "Classifier",
    "ConstraintError",
    "Detector",
    "EmbedJob",
    "Embedder",
    "Evaluation",
    "Found",
    "Generation",
    "Generator",
    "GraphError",
    "ImageText",
    "Interrupted",
    "ModelError",
    "NumericError",
    "ParameterError",
    "Picture",
    "PictureError",
    "Prepared",
    "PromptTooLong",
    "RerankJob",
    "Reranker",
    "Segment",
    "Sound",
    "SoundExpected",
    "TextTooLong",
    "Token",
    "Transcriber",
    "Transcription",
    "__version__",
    "kernels",
    "threads",
]
