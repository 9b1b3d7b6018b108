"""Models that are written in Python: `load` runs once, `forward` for each call."""

from edgemesh_executor_pywasm.models.staff import PythonModels

__all__ = ["PythonModels"]
