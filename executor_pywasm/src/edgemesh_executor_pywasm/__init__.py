"""The executor of untrusted Python: `python.run`, on edgemesh_sandbox."""
