"""Python values to their wire form and back: JSON with tagged objects, and tensors beside it.

The forms are those of the table "Values" in executor_pywasm/README.md.
"""

from edgemesh_client.values.decode import decode
from edgemesh_client.values.encode import Encoder
from edgemesh_client.values.tensor import Blob, array_of, from_tensor, is_array, to_tensor

__all__ = ["Blob", "Encoder", "array_of", "decode", "from_tensor", "is_array", "to_tensor"]
