"""Where host and guest meet in the guest's memory; both sides read these numbers here.

One block of bytes never moves. It opens with four little-endian words, 32 bits each: MAGIC, the
length of what is in the log, and address and length of the answer. The log follows: records of
printed bytes, each behind a word that holds `length << 1 | stream`, padded to whole words. The
host reads it when the guest says that it is full, when a streaming caller should see it, and at
the end.
"""

from __future__ import annotations

MAGIC = 0x4D455047
WORD_MAGIC, WORD_LOG, WORD_ANSWER, WORD_ANSWER_BYTES = range(4)
HEADER_BYTES = 16

BLOCK_BYTES = 1 << 16
LOG_BYTES = BLOCK_BYTES - HEADER_BYTES
RECORD_BYTES = 4
"""The word in front of each record."""

STDOUT, STDERR = 0, 1
