"""What a worker asks its front while a program runs, and what it hears: the bytes.

Rules: both sides read these here. A question is HEAD (what is asked, the call that it is about, and
the seconds that the program has left) and what follows it; an answer is one byte and what follows
it; each has at most MOST_BYTES.

CALL   a ComputeRequest of which only `algorithm`, `parameters`, `inputs`, `capabilities` and
       `limits` may be set
HTTP   REQUEST (the length of a JSON object), the object (`method`, `url`, `headers`, `seconds`) and
       the body; the answer likewise (`status`, `reason`, `headers`, `url`)
"""

from __future__ import annotations

import struct

HEAD = struct.Struct("<BId")
CALL, FORGET, HTTP = 1, 2, 3
REQUEST = struct.Struct("<I")

ANSWERED = b"\x01"
"""A ComputeResponse follows."""
REFUSED = b"\x02"
"""A google.rpc.Status follows: the mesh's own error."""
TOO_OFTEN = b"\x03"
"""The run has made all the calls that it may."""
FORGOTTEN = b"\x04"
"""Nothing will be heard of that call any more."""
HTTP_ANSWERED = b"\x05"
"""What a server said follows."""

MOST_BYTES = 16 << 20
AT_ONCE = 16
"""Calls of one run that are under way; further ones wait their turn."""
