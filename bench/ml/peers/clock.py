"""What works are measured by: on one thread processor time, which other programs of the machine
hardly change; on several the time on the wall."""

from __future__ import annotations

import os
import time

now = time.process_time if os.environ.get("OMP_NUM_THREADS") == "1" else time.perf_counter
"""Seconds."""
