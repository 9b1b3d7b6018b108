"""What bodies of OpenAI's routes may have, as pydantic models.

Rules: values are checked here only so far that they can be put into an algorithm's parameters,
whose schema has the bounds; what is in none of these is `reading`'s business.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from edgemesh_gateway.rest.models import Strict


class Part(Strict):
    """A piece of a message; of text, as the models here read nothing else."""

    type: Literal["text"]
    text: str


class Message(Strict):
    """One message of a conversation."""

    role: Literal["system", "developer", "user", "assistant"]
    content: str | list[Part]
    refusal: None = None
    audio: None = None
    annotations: list[Any] | None = Field(default=None, max_length=0)
    function_call: None = None
    tool_calls: list[Any] | None = Field(default=None, max_length=0)

    @property
    def text(self) -> str:
        """What it says."""
        if isinstance(self.content, str):
            return self.content
        return "".join(part.text for part in self.content)


class StreamOptions(Strict):
    """What a stream has beside tokens."""

    include_usage: bool = False
    include_obfuscation: bool = False
    """Of no effect: there is no padding."""


class Asked(BaseModel):
    """What all three kinds of work have."""

    model_config = ConfigDict(extra="allow", strict=True)
    model: str


class Sampling(Asked):
    """How text is generated, and told."""

    stream: bool = False
    stream_options: StreamOptions | None = None
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    repetition_penalty: float | None = None
    seed: int | None = None
    stop: str | list[str] | None = None
    truncate_prompt_tokens: int | None = None

    @property
    def tells_usage(self) -> bool:
        """Whether a stream ends with what was used."""
        return self.stream_options is not None and self.stream_options.include_usage


class ChatBody(Sampling):
    """A conversation of which the next message is wanted."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "model": "smollm2-135m-instruct",
                    "messages": [{"role": "user", "content": "Say hello."}],
                }
            ]
        }
    )
    messages: list[Message]
    max_completion_tokens: int | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    chat_template_kwargs: dict[str, Any] | None = None


class CompletionBody(Sampling):
    """A text to be continued."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"model": "smollm2-135m-instruct", "prompt": "Once upon a time"}]
        }
    )
    prompt: str | list[str]
    logprobs: int | None = None
    """How many of the likeliest tokens are told with each."""


class EmbeddingBody(Asked):
    """Texts of which vectors are wanted."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"model": "all-minilm-l6-v2", "input": ["a lighthouse"]}]}
    )
    input: str | list[str]
    encoding_format: Literal["float", "base64"] = "float"


class Wrong(BaseModel):
    """What was wrong."""

    message: str
    type: str
    param: str | None
    code: str | None


class ErrorBody(BaseModel):
    """An error as OpenAI tells it."""

    error: Wrong


ALL: tuple[type[BaseModel], ...] = (ChatBody, CompletionBody, EmbeddingBody, ErrorBody)
"""Those that OpenAPI tells of."""
