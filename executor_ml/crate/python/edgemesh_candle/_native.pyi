"""The Rust core's bindings. Everything that computes does so without the interpreter lock."""

from collections.abc import Callable, Mapping, Sequence
from os import PathLike
from typing import Final, Literal, final

from typing_extensions import Buffer

__all__ = [
    "BUILD",
    "DEVICES",
    "MOST_OPS",
    "Attempt",
    "Blip",
    "CandleError",
    "ChatError",
    "Classifier",
    "ConstraintError",
    "Detector",
    "EmbedJob",
    "Embedded",
    "Embedder",
    "Evaluation",
    "Found",
    "Generation",
    "Generator",
    "Graph",
    "GraphError",
    "GraphRun",
    "ImageText",
    "Interrupted",
    "Masks",
    "ModelError",
    "NumericError",
    "OnnxInputError",
    "OnnxNodeError",
    "ParameterError",
    "Picture",
    "PictureError",
    "Prepared",
    "PromptTooLong",
    "RerankJob",
    "Reranker",
    "Sam",
    "Segment",
    "Sound",
    "SoundExpected",
    "SpeechDetector",
    "TextTooLong",
    "Token",
    "Transcriber",
    "Transcription",
    "__version__",
    "kernels",
    "threads",
]

__version__: Final[str]
BUILD: Final[str]
"""What the binary was compiled for: "x86-64-v3", "x86-64" or another architecture."""

DEVICES: Final[tuple[str, ...]]
"""What the binary can compute on."""

MOST_OPS: Final[int]
"""Nodes that a graph may have."""

def kernels() -> str:
    """The best of the kernels in use: "avx512", "avx2" or "portable"."""

def threads() -> int:
    """Threads of the pool that all products share; RAYON_NUM_THREADS, read at first use."""

class CandleError(Exception):
    """Everything that this package raises of its own."""

class ModelError(CandleError):
    """A model's file is missing, torn, hostile or of an unsupported kind."""

    path: str
    reason: str

class PromptTooLong(CandleError):
    """A prompt leaves no room for one token; both lengths are in tokens."""

    tokens: int
    limit: int

class TextTooLong(CandleError):
    """Text number `index` is longer than the model reads; both lengths are in tokens."""

    index: int
    tokens: int
    limit: int

class ChatError(CandleError):
    """The model's template refuses the messages, or the model has none."""

    reason: str

class ConstraintError(CandleError):
    """A form that a text cannot have or that is not supported; `place` is where in a schema."""

    place: str
    reason: str

class ParameterError(CandleError):
    """A parameter is outside its range."""

    name: str
    expected: str

class NumericError(CandleError):
    """Not-a-number where a probability was due."""

class GraphError(CandleError):
    """A graph of tensors cannot be evaluated: where in the parameters it is wrong, and why."""

    field: str
    reason: str

@final
class Evaluation:
    """A graph of tensor operations on its way to its outputs; belongs to one thread at a time."""

    def __new__(
        cls,
        graph: str,
        inputs: Mapping[str, tuple[str, Sequence[int], Buffer]],
        most_bytes: int,
    ) -> Evaluation:
        """Check a graph (JSON text) for `inputs`: each its dtype, shape and bytes, little-endian
        in C order. `most_bytes`: of all values that there are at a time. Raises GraphError.
        """

    def step(self) -> bool:
        """Compute the next node; False when all are. Raises GraphError."""

    def outputs(self) -> list[tuple[str, str, list[int]]]:
        """Name, dtype and shape of each output, sorted by name."""

    def write(self, name: str, out: Buffer) -> None:
        """Write an output's bytes into a writable buffer of their size."""

@final
class Detector:
    """A model that finds things in pictures; may be used by several threads at once."""

    def __new__(cls, folder: str | PathLike[str]) -> Detector:
        """Open a folder: config.json, model.safetensors. Raises ModelError, NumericError."""

    @property
    def task(self) -> Literal["detect", "segment", "pose"]:
        """What it finds of things beside boxes."""

    @property
    def names(self) -> list[str]:
        """Of the classes."""

    @property
    def size(self) -> int:
        """What it scales a picture's longer side to by default."""

    def find(
        self,
        picture: Picture,
        *,
        size: int,
        confidence: float,
        iou: float,
        agnostic: bool,
        most: int,
    ) -> Found:
        """Look at one picture; `size`: a multiple of 32 up to 1280."""

@final
class Found:
    """The things in a picture, the likeliest first."""

    def __len__(self) -> int: ...
    def things(
        self,
    ) -> list[tuple[int, float, list[float], list[list[float]]]]:
        """Class, score, box (left, top, right, bottom) and keypoints (x, y, score) of each."""

    def mask(self, i: int, out: Buffer) -> None:
        """Write the mask of one into [height, width] bytes: 1 where it is, else 0."""

    def annotated(self, picture: Picture) -> bytes:
        """The picture with all of it drawn in, as a PNG."""

@final
class Embedder:
    """A sentence-embedding model; may be used by several threads at once."""

    def __new__(cls, folder: str | PathLike[str]) -> Embedder:
        """Open a folder: config.json, model.safetensors, tokenizer.json. Raises ModelError."""

    @property
    def dimensions(self) -> int:
        """Length of a vector."""

    @property
    def encoded(self) -> tuple[int, int]:
        """Batches and sequences that have been encoded since it was opened: sequences of calls that
        run at the same time are encoded together, with the same bits as alone.
        """

    @property
    def max_tokens(self) -> int:
        """Longest text in tokens, special ones included."""

    def start(
        self, texts: Sequence[str], *, normalize: bool = True, truncate: bool = True
    ) -> EmbedJob:
        """Tokenise texts; with `normalize` every vector gets length 1; with `truncate` the end of
        longer texts is ignored. Raises ParameterError, and else TextTooLong.
        """

@final
class EmbedJob:
    """Texts on their way to vectors; belongs to one thread at a time."""

    @property
    def tokens(self) -> int:
        """Tokens in all texts, special ones included."""

    @property
    def truncated(self) -> int:
        """How many texts were longer than the model reads."""

    @property
    def nbytes(self) -> int:
        """Bytes of the result: float32 [texts, dimensions], C order."""

    def step(self, out: Buffer) -> bool:
        """Write the next rows into `out`, some 50 ms of work, or wait some 20 ms for other calls';
        False when all are written.

        `out` is the same writable buffer of `nbytes` bytes for every step, and nobody else's
        meanwhile. Raises ValueError when it does not fit.
        """

@final
class Reranker:
    """A cross-encoder; may be used by several threads at once."""

    def __new__(cls, folder: str | PathLike[str]) -> Reranker:
        """Open a folder: config.json, model.safetensors, tokenizer.json. Raises ModelError."""

    @property
    def encoded(self) -> tuple[int, int]:
        """Batches and sequences that have been encoded since it was opened: sequences of calls that
        run at the same time are encoded together, with the same bits as alone.
        """

    @property
    def max_tokens(self) -> int:
        """Longest query and document together in tokens, special ones included."""

    def start(self, query: str, documents: Sequence[str]) -> RerankJob:
        """Tokenise a query with each document; the longer of both is cut where they are too long.
        Raises ParameterError.
        """

@final
class RerankJob:
    """A query and documents on their way to scores; belongs to one thread at a time."""

    @property
    def tokens(self) -> int:
        """Tokens in all pairs, special ones included."""

    @property
    def truncated(self) -> int:
        """How many pairs were longer than the model reads."""

    def step(self) -> bool:
        """Read the next pairs, some 50 ms of work, or wait some 20 ms for other calls'; False when
        all are read.
        """

    def scores(self, *, raw: bool = False) -> list[float]:
        """A score per document, without the model's own activation where it is `raw`."""

@final
class Generator:
    """A language model; may be used by several threads at once.

    All texts of a model are computed together, a token of each in every step.
    """

    def __new__(cls, path: str | PathLike[str], *, prefix_bytes: int = ...) -> Generator:
        """Open a GGUF file, or a folder: config.json, model.safetensors, tokenizer.json.

        `prefix_bytes` (256 MiB) of what was read are kept for prompts that begin alike. Raises
        ModelError.
        """

    @property
    def context(self) -> int:
        """Longest prompt and text together, in tokens."""

    def chat(self, messages: Sequence[tuple[str, str]], extras: str = "{}") -> str:
        """The prompt that asks for the next message after (role, content) pairs.

        The template sees `extras`, a JSON object, too. Raises ChatError.
        """

    def tokenize(self, text: str) -> list[int]:
        """Token ids of a text; control tokens written in it are recognised."""

    def token_text(self, id: int) -> str:
        """A token's bytes as text; what is no character is U+FFFD, control tokens are empty."""

    def start(
        self,
        prompt: str,
        *,
        max_tokens: int,
        complete: bool = False,
        temperature: float = 0.0,
        top_k: int = 0,
        top_p: float = 1.0,
        min_p: float = 0.0,
        repetition_penalty: float = 1.0,
        presence_penalty: float = 0.0,
        frequency_penalty: float = 0.0,
        seed: int = 0,
        stop: Sequence[str] = ...,
        alternatives: int = 0,
        prompt_alternatives: int | None = None,
        truncate: int | None = None,
        schema: str | None = None,
        regex: str | None = None,
    ) -> Generation:
        """Begin to continue `prompt`, which is `complete` where `chat` gave it.

        Temperature 0 takes the likeliest token; top_k 0, top_p 1 and min_p 0 cut nothing; a
        repetition penalty of 1 and other penalties of 0 change nothing; the same seed gives the
        same text. `alternatives` of the likeliest tokens are told with each token, and
        `prompt_alternatives` with each of the prompt, which is then read anew; with `truncate`
        only so many tokens of the prompt's end are read. The text is JSON that `schema` (JSON
        text) describes, or matches `regex` as a whole. Raises PromptTooLong, ParameterError,
        ConstraintError.
        """

@final
class Generation:
    """One text being generated; one that is let go is computed no further."""

    @property
    def prompt_tokens(self) -> int:
        """Tokens of the prompt."""

    @property
    def cached_tokens(self) -> int:
        """Those of the prompt that an earlier text had read already."""

    def prompt_logprobs(self) -> list[tuple[int, float, list[tuple[int, float]]]]:
        """Of the prompt's tokens from the second on: the id, its log-probability, the likeliest
        tokens with theirs; complete with the first token, none unless they were asked for."""

    @property
    def completion_tokens(self) -> int:
        """Tokens taken; the end token is none of them."""

    @property
    def finish_reason(self) -> Literal["stop", "length"] | None:
        """None until the end; "stop": an end token or a stop string; "length": a limit."""

    def wait(self, seconds: float) -> bool:
        """Wait until `next` would not; False where that takes longer."""

    def next(self) -> Token | None:
        """The next token, or None at the end. Raises NumericError, ConstraintError."""

@final
class Token:
    """A generated token."""

    @property
    def id(self) -> int:
        """Its number in the vocabulary."""

    @property
    def text(self) -> str:
        """The whole characters it completes; empty while a character or a possible stop string
        is unfinished."""

    @property
    def logprob(self) -> float:
        """The model's log-probability of it, at temperature 1."""

    @property
    def alternatives(self) -> list[tuple[int, float]]:
        """The likeliest tokens in its place and their log-probabilities, if they were asked for."""

class SoundExpected(CandleError):
    """A sound cannot be read: what was expected instead."""

    expected: str

class Interrupted(CandleError):
    """The caller's `going` said no."""

@final
class OnnxInputError(CandleError):
    """What a call gives is not what a graph takes; `field` names it, as `inputs.NAME.shape`."""

    field: str
    reason: str

@final
class OnnxNodeError(CandleError):
    """A node of a graph cannot compute with what it was given."""

    node: str
    reason: str

@final
class Graph:
    """A model in ONNX; may be used by several threads at once."""

    def __new__(cls, path: str | PathLike[str]) -> Graph:
        """Read a file: weights are decoded, and what depends on no input is computed.

        Raises ModelError, with all operators that are not supported.
        """

    @property
    def inputs(self) -> list[tuple[str, str, list[int] | None, str]]:
        """Of each: name, dtype, dimensions (-1: any; None: any number) and these for a person."""

    @property
    def outputs(self) -> list[tuple[str, str, list[int] | None, str]]:
        """As of inputs."""

    def start(self, inputs: Sequence[tuple[str, str, Sequence[int], Buffer]]) -> GraphRun:
        """Check what a call gives: name, dtype, shape and bytes, little-endian in C order.

        Raises OnnxInputError.
        """

@final
class GraphRun:
    """A graph on its way to its outputs; belongs to one thread at a time."""

    def step(self) -> bool:
        """Compute some milliseconds; False when all is. Raises OnnxNodeError."""

    def outputs(self) -> list[tuple[str, str, list[int], bytes]]:
        """Name, dtype, shape and bytes of each output. Raises OnnxNodeError."""

@final
class SpeechDetector:
    """Silero's voice activity detection; may be used by several threads at once."""

    def __new__(cls, path: str | PathLike[str]) -> SpeechDetector:
        """Read its network over sequences of windows, in ONNX. Raises ModelError."""

    def probabilities(self, sound: Sound, going: Callable[[], bool]) -> list[float]:
        """Of speech in each window. Raises Interrupted, OnnxNodeError."""

@final
class Sound:
    """One channel of samples at 16 kHz.

    Everywhere `going` is asked every few tens of milliseconds whether to go on.
    """

    @staticmethod
    def decode(data: Buffer, most_seconds: float, going: Callable[[], bool]) -> Sound:
        """The first track of a WAV, FLAC, MP3 or Ogg Vorbis file, mixed down and resampled.

        Raises SoundExpected, Interrupted.
        """

    @staticmethod
    def of_samples(
        data: Buffer,
        dtype: Literal["float32", "int16"] | str,
        channels: int,
        rate: int,
        most_seconds: float,
        going: Callable[[], bool],
    ) -> Sound:
        """Interleaved samples, likewise; int16 are divided by 32,768.

        Raises SoundExpected, Interrupted; ValueError where they are no whole frames.
        """

    @property
    def samples(self) -> int:
        """At 16 kHz, of one channel."""

    def kept(self, spans: Sequence[tuple[int, int]]) -> Sound:
        """What lies between pairs of samples, one after another."""

    @property
    def seconds(self) -> float:
        """How long it is."""

@final
class Transcriber:
    """A Whisper; may be used by several threads at once."""

    def __new__(cls, folder: str | PathLike[str]) -> Transcriber:
        """Open a folder: config.json, tokenizer.json, model.safetensors and, where it has them,
        generation_config.json and preprocessor_config.json. Raises ModelError.
        """

    @property
    def languages(self) -> list[str]:
        """Codes of the languages it can be told; none where it knows English alone."""

    def warm_up(self) -> None:
        """Hear a window of silence. Raises NumericError where that gives no numbers."""

    def start(
        self,
        sound: Sound,
        going: Callable[[], bool],
        *,
        language: str | None = None,
        translate: bool | None = None,
        timestamps: bool = True,
        words: bool = False,
        prompt: str | None = None,
        condition: bool = True,
        seed: int = 0,
    ) -> Transcription:
        """Begin with a sound: its spectrogram.

        Without `language` it is as the model's files say, or as it is heard; without `translate`
        as they say. With `words` segments have their words. With `condition` each window is told
        the text so far. Raises ParameterError, Interrupted.
        """

@final
class Transcription:
    """A sound on its way to text, window by window; belongs to one thread at a time.

    For each window: `listen`, then `attempt` as often as it takes, then `keep` or `skip`.
    """

    @property
    def language(self) -> str | None:
        """Its code, once it is known."""

    @property
    def fraction(self) -> float:
        """How much of the sound is done, from 0 to 1."""

    def listen(self, going: Callable[[], bool]) -> bool:
        """Hear the next window; False where there is none. Raises Interrupted."""

    def attempt(self, temperature: float, going: Callable[[], bool]) -> Attempt:
        """Write down what was heard. Raises Interrupted, NumericError."""

    def keep(self, going: Callable[[], bool]) -> list[Segment]:
        """Take the last attempt's text, and move on to where it ends. Raises Interrupted."""

    def skip(self) -> None:
        """Move on to the next window: this one has nothing to say."""

@final
class Attempt:
    """What a window may have said."""

    @property
    def text(self) -> str:
        """Its text, without blanks around it."""

    @property
    def avg_logprob(self) -> float:
        """Mean log-probability of its tokens and its end."""

    @property
    def no_speech_prob(self) -> float:
        """How probable it is that nobody speaks."""

@final
class Segment:
    """A part of the text; times are in seconds of the whole sound."""

    @property
    def start(self) -> float:
        """Where it begins."""

    @property
    def end(self) -> float:
        """Where it ends."""

    @property
    def text(self) -> str:
        """What is said, with its blanks."""

    @property
    def tokens(self) -> list[int]:
        """All token ids, those of times among them."""

    @property
    def pieces(self) -> list[tuple[int, str, float]]:
        """Each token of the text: its id, the whole characters it completes, its
        log-probability."""

    @property
    def words(self) -> list[tuple[str, float, float, float]]:
        """Each word's text, start, end and probability, where they were asked for."""

class PictureError(CandleError):
    """A picture cannot be read."""

    expected: str

@final
class Picture:
    """Rows of RGB, upright."""

    def __new__(
        cls, data: Buffer, size: tuple[int, int] | None = None, *, most_pixels: int
    ) -> Picture:
        """Read a PNG, JPEG or WebP, or rows of RGB of that size. Raises PictureError."""

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""

@final
class Prepared:
    """A picture as one model reads it."""

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""

    @property
    def values(self) -> bytes:
        """binary32 of [height, width, 3]."""

@final
class Classifier:
    """A model that labels pictures; shared between threads."""

    def __new__(cls, folder: str | PathLike[str]) -> Classifier:
        """Open a folder as transformers saves it. Raises ModelError."""

    @property
    def labels(self) -> list[str]:
        """What its outputs are called; none where it has no head."""

    @property
    def dimensions(self) -> int:
        """How many features a picture has."""

    def prepare(
        self, data: Buffer, size: tuple[int, int] | None = None, *, most_pixels: int
    ) -> Prepared:
        """Read a PNG, JPEG or WebP, or rows of RGB of that size. Raises PictureError."""

    def classify(self, pictures: Sequence[Prepared]) -> tuple[bytes, bytes]:
        """binary32 of [pictures, labels], probabilities, and of [pictures, features]."""

@final
class Blip:
    """A model that writes of pictures; shared between threads."""

    def __new__(cls, folder: str | PathLike[str]) -> Blip:
        """Open a folder as transformers saves it. Raises ModelError."""

    @property
    def answers(self) -> bool:
        """Whether it answers questions; otherwise it writes captions."""

    def prepare(
        self, data: Buffer, size: tuple[int, int] | None = None, *, most_pixels: int
    ) -> Prepared:
        """As Classifier's."""

    def say(
        self,
        picture: Prepared,
        going: Callable[[], bool],
        told: Callable[[int, str, float | None], object],
        *,
        text: str | None = None,
        max_tokens: int = 20,
        beams: int = 1,
        length_penalty: float = 1.0,
        early_stopping: bool = False,
    ) -> tuple[str, int, bool]:
        """A text, how many tokens were written, and whether it ended by itself.

        `told` is given each token's id, what became text with it, and its log-probability. `going`
        is asked between layers. Raises Interrupted, PromptTooLong, ParameterError, NumericError.
        """

@final
class Embedded:
    """A picture that a Sam has seen."""

@final
class Sam:
    """A model that cuts things out of pictures; shared between threads."""

    def __new__(cls, folder: str | PathLike[str]) -> Sam:
        """Open a folder as transformers saves it. Raises ModelError."""

    def embed(self, picture: Picture, going: Callable[[], bool]) -> Embedded:
        """See a picture; `going` is asked between layers. Raises Interrupted, PictureError."""

    def masks(
        self,
        picture: Embedded,
        going: Callable[[], bool],
        *,
        points: Sequence[tuple[float, float]],
        labels: Sequence[bool],
        area: tuple[float, float, float, float] | None = None,
        one: bool = False,
    ) -> Masks:
        """Masks at points (across, down) in the picture's pixels, each with whether the thing is
        there, and in an area (left, top, right, bottom): three, or one.

        Raises Interrupted, NumericError.
        """

@final
class Masks:
    """Masks of one prompt."""

    @property
    def scores(self) -> list[float]:
        """How well each fits, as the model thinks: an IoU."""

    def write(self, i: int, out: Buffer) -> None:
        """Mask `i` into writable bytes, one for each of the picture's pixels: 1 or 0."""

@final
class ImageText:
    """A model that embeds pictures and texts in one space; shared between threads."""

    def __new__(cls, folder: str | PathLike[str]) -> ImageText:
        """Open a folder as transformers saves it. Raises ModelError."""

    @property
    def dimensions(self) -> int:
        """Length of a vector."""

    def prepare(
        self, data: Buffer, size: tuple[int, int] | None = None, *, most_pixels: int
    ) -> Prepared:
        """As Classifier's."""

    def tokenize(self, text: str) -> tuple[list[int], bool]:
        """Token ids of a text, and whether its end was cut off. Raises ParameterError."""

    def embed_pictures(self, pictures: Sequence[Prepared]) -> bytes:
        """binary32 of [pictures, dimensions], each of length 1."""

    def embed_texts(self, texts: Sequence[Sequence[int]]) -> bytes:
        """binary32 of [texts, dimensions], each of length 1."""

    def scores(self, pictures: bytes, texts: bytes) -> bytes:
        """binary32 of [pictures, texts]: how likely each text belongs to each picture."""
