"""The gateway's data path: moves the bytes of gRPC calls for which Python has decided.

Rules: one object is one public port; nothing of it waits for Python's lock. Python keeps its
tables, answers its questions and hears its records; see `_native.pyi` for both.
"""

from edgemesh_datapath._native import DataPath, __version__, examine

__all__ = ["DataPath", "__version__", "examine"]
