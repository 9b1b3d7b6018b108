"""HTTP from a program, to the hosts that it was granted: `from edgemesh import http`.

    http.get("https://api.example.org/items", params={"n": 3}).json()
    await http.post.aio("https://api.example.org/items", json={"name": "x"})
    urllib.request.urlopen("https://api.example.org/items").read()

Rules: an answer is an answer, whatever its status; what gave none raises an `HttpError`, which is
an OSError. Nothing here has a socket: a request goes to the host, which decides about it.
"""
# pyright: basic, reportMissingImports=false

from __future__ import annotations

import io
import json
import urllib.error
import urllib.parse
import urllib.request
import urllib.response
from email.message import Message
from types import ModuleType
from typing import Any

from .doorway import MOST_CALL_BYTES, PREFIX
from .encoding import dumps
from .tools import Beside, Calls, raw

_NONE: Any = object()
_loads = json.loads


class HttpError(OSError):
    """A request gave no answer, or one that is an error; `reason` says why."""

    __module__ = "edgemesh.http"

    def __init__(self, reason: str, message: str) -> None:
        self.reason, self.message = reason, message
        super().__init__(f"{reason}: {message}")


class HttpRefused(HttpError):
    """It was not sent: the host was not granted, or the operator does not allow the request."""

    __module__ = "edgemesh.http"


class HttpTooLarge(HttpError):
    """It, or its answer, has more bytes than are allowed."""

    __module__ = "edgemesh.http"


class HttpTimeout(HttpError, TimeoutError):
    """There was no answer in time."""

    __module__ = "edgemesh.http"


class HttpUnreachable(HttpError):
    """Nobody answered, or not as HTTP servers do."""

    __module__ = "edgemesh.http"


class HttpStatus(HttpError):
    """`raise_for_status` found an answer that is an error; `response` is the answer."""

    __module__ = "edgemesh.http"

    def __init__(self, response: Response) -> None:
        self.response = response
        super().__init__(f"{response.status}", f"{response.reason} from {response.url}")


_KINDS = {
    "PAYLOAD_TOO_LARGE": HttpTooLarge,
    "DEADLINE_EXCEEDED": HttpTimeout,
    "UNREACHABLE": HttpUnreachable,
    "INTERNAL": HttpUnreachable,
}


class Response:
    """What a server said: `status`, `reason`, `headers` (in any case), `content`, `url`."""

    __module__ = "edgemesh.http"

    def __init__(self, told: dict[str, Any], content: bytes) -> None:
        self.status, self.reason, self.url = told["status"], told["reason"], told["url"]
        self.content = content
        self.headers = Message()
        for name, value in told["headers"]:
            self.headers[name] = value

    @property
    def ok(self) -> bool:
        """Whether its status is no error."""
        return self.status < 400

    @property
    def text(self) -> str:
        """The content as text, in the encoding that the server names, or else UTF-8."""
        encoding = self.headers.get_content_charset() or "utf-8"
        try:
            return self.content.decode(encoding, "replace")
        except LookupError:
            return self.content.decode("utf-8", "replace")

    def json(self) -> Any:
        """The content as JSON."""
        return json.loads(self.content)

    def raise_for_status(self) -> Response:
        """Itself. Raises `HttpStatus` where the status is an error."""
        if not self.ok:
            raise HttpStatus(self)
        return self

    def __repr__(self) -> str:
        return f"<{self.status} {self.reason}: {len(self.content)} bytes from {self.url}>"


class Verb:
    """Sends requests by one method."""

    __module__ = "edgemesh.http"
    __slots__ = ("_calls", "_method")

    def __init__(self, calls: Calls, method: str) -> None:
        self._calls, self._method = calls, method

    def __call__(self, url: str, **options: Any) -> Response:
        """Send one and wait: `params`, `headers`, `data` or `json`, `timeout` in seconds."""
        number = send(self._calls, self._method, url, **options)
        return response_of(self._calls.take(*self._calls.wait(number)))

    async def aio(self, url: str, **options: Any) -> Response:
        """The same, to be awaited."""
        number = send(self._calls, self._method, url, **options)
        return await self._calls.awaited(number, response_of)

    def __repr__(self) -> str:
        return f"<edgemesh.http.{self._method.lower()}>"


def send(
    calls: Calls,
    method: str,
    url: str,
    *,
    params: Any = None,
    headers: Any = None,
    data: Any = None,
    json: Any = _NONE,
    timeout: float | None = None,
) -> int:
    """Begin one; its number."""
    if not isinstance(method, str) or not isinstance(url, str):
        raise TypeError("a method and an URL as text")
    if params:
        before, _, anchor = url.partition("#")
        url = f"{before}{'&' if '?' in before else '?'}{urllib.parse.urlencode(params, doseq=True)}"
        url += f"#{anchor}" if anchor else ""
    told = [[str(name), str(value)] for name, value in dict(headers or {}).items()]
    body, kind = _body(data, json)
    if kind and not any(name.lower() == "content-type" for name, _ in told):
        told.append(["Content-Type", kind])
    if len(body) > MOST_CALL_BYTES:
        why = f"a body of {len(body)} bytes; a request takes at most {MOST_CALL_BYTES}"
        raise HttpTooLarge("PAYLOAD_TOO_LARGE", why)
    beside = Beside()
    if body:
        beside.add("body", "bytes", (len(body),), body, "")
    seconds = 0.0 if timeout is None else max(float(timeout), 0.001)
    asked = {"method": method.upper(), "url": _ascii(url), "headers": told, "seconds": seconds}
    return calls.send(f'"http":{dumps(asked)}', beside)


def response_of(reply: bytearray) -> Response:
    """The answer in a reply. Raises `HttpError`."""
    (length,) = PREFIX.unpack_from(reply)
    told = _loads(reply[PREFIX.size : PREFIX.size + length])
    if "refused" in told:
        refused = told["refused"]
        raise _KINDS.get(refused["reason"], HttpRefused)(refused["reason"], refused["message"])
    if "error" in told:
        raise HttpRefused("INVALID_REQUEST", told["error"]["message"])
    return Response(told["http"], bytes(raw(reply, told["tensors"][0])))


class Opener(urllib.request.BaseHandler):
    """What `urllib.request.urlopen` sends requests with."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def _open(self, request: Any) -> Any:
        headers = {**request.unredirected_hdrs, **request.headers}
        headers = {k: v for k, v in headers.items() if k.lower() not in ("host", "content-length")}
        timeout = request.timeout if isinstance(request.timeout, (int, float)) else None
        try:
            answer = Verb(self._calls, request.get_method())(
                request.full_url, headers=headers, data=request.data, timeout=timeout
            )
        except HttpError as error:
            raise urllib.error.URLError(error) from error
        file = io.BytesIO(answer.content)
        made: Any = urllib.response.addinfourl(file, answer.headers, answer.url, answer.status)
        made.msg = answer.reason  # what urllib's own error handling reads
        return made

    http_open = https_open = _open


def _body(data: Any, value: Any) -> tuple[bytes, str]:
    """The bytes of a request's body, and their media type."""
    if value is not _NONE:
        if data is not None:
            raise TypeError("data or json, not both")
        return json.dumps(value).encode(), "application/json"
    if data is None:
        return b"", ""
    if isinstance(data, str):
        return data.encode(), "text/plain; charset=utf-8"
    if isinstance(data, dict):
        form = urllib.parse.urlencode(data, doseq=True)
        return form.encode(), "application/x-www-form-urlencoded"
    return bytes(memoryview(data)), "application/octet-stream"


def _ascii(url: str) -> str:
    """Text beyond ASCII in a URL's path and query as it goes over the wire."""
    return url if url.isascii() else urllib.parse.quote(url, safe="%/:=&?~#+!$,;'@()*[]")


def module(calls: Calls) -> ModuleType:
    """The module `edgemesh.http`; `urllib.request.urlopen` goes the same way from now on."""
    made = ModuleType("edgemesh.http", __doc__)
    verbs = {name.lower(): Verb(calls, name) for name in _METHODS}

    def request(method: str, url: str, **options: Any) -> Response:
        """Send one by any method, and wait for its answer."""
        return Verb(calls, method)(url, **options)

    made.__dict__.update(verbs, request=request, Response=Response)
    for error in (HttpError, HttpRefused, HttpStatus, HttpTimeout, HttpTooLarge, HttpUnreachable):
        made.__dict__[error.__name__] = error
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.UnknownHandler(),
        urllib.request.DataHandler(),
        Opener(calls),
    ):
        opener.add_handler(handler)
    urllib.request.install_opener(opener)
    return made


_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
