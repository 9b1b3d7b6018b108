"""What a call stands on beside the executor's own image: registered programs, and environments.

Rules: lives in the front, so nothing here runs, parses or unpacks a caller's code: workers do, each
such step as a call of theirs (`making`). An image is what `Sandbox.snapshot` leaves: made once by a
worker, kept here as bytes in memory that can no longer be written to and on disk (`images`), and
mapped by every worker that runs on it.
"""

from edgemesh_executor_pywasm.ground.ground import PythonGround

__all__ = ["PythonGround"]
