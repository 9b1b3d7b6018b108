"""What a worker asks its front while a program runs, and what it hears: the bytes.

Rules: both sides read these here. A question is HEAD (what is asked, the call that it is about, and
the seconds that the program has left) and, for CALL, a ComputeRequest of which only `algorithm`,
`parameters`, `inputs`, `capabilities` and `limits` may be set. An answer is one byte and what
follows it. A question and an answer have at most MOST_BYTES each.
"""

from __future__ import annotations

import struct

HEAD = struct.Struct("<BId")
CALL, FORGET = 1, 2

ANSWERED = b"\x01"
"""A ComputeResponse follows."""
REFUSED = b"\x02"
"""A google.rpc.Status follows: the mesh's own error."""
TOO_OFTEN = b"\x03"
"""The run has made all the calls that it may."""
FORGOTTEN = b"\x04"
"""Nothing will be heard of that call any more."""

MOST_BYTES = 16 << 20
AT_ONCE = 16
"""Calls of one run that are under way; further ones wait their turn."""
