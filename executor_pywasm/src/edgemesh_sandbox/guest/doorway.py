"""What a guest asks of its host beyond an emptied log; both sides read these numbers here.

A request is a frame that opens with HEAD: what is asked, and the call that it is about. The host
answers START at once; the reply lies with it, of a size that WAIT tells, until the guest has made
room and asks with TAKE. A reply is PREFIX (the length of its JSON), the JSON, and its tensors,
whose places count from the reply's beginning.

    START    JSON follows: {"tool", "value": {"args", "kwargs"} in wire form, "tensors"}, or
             {"call": {"algorithm", "parameters", "capabilities", "run_time_ms"}, "tensors"}, or
             {"http": {"method", "url", "headers", "seconds"}, "tensors"}
    WAIT     PLACE follows: seconds to wait (less than 0: as long as it takes), and where DONE, the
             call that has ended and its reply's size, is to be written; (0, 0): none has
    TAKE     PLACE follows: where the reply is to be written
    FORGET   the reply is not wanted any more

The call that WAIT is about may be 0: any.
"""

from __future__ import annotations

import struct

HEAD = struct.Struct("<II")
PLACE = struct.Struct("<dI")
DONE = struct.Struct("<II")
PREFIX = struct.Struct("<I")

START, WAIT, TAKE, FORGET = range(1, 5)

ALIGNMENT = 16
MOST_BYTES = 64 << 20
"""Of a call's arguments or of its reply."""
MOST_CALL_BYTES = (16 << 20) - (16 << 10)
"""Of what goes to an algorithm by `edgemesh.call`; an answer may have as much."""
MOST_CALLS = 64
"""At once."""
