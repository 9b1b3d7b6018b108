"""Other languages than Python in the sandbox: interpreters that are WebAssembly modules.

    from edgemesh_sandbox.languages import JavaScript

    with JavaScript() as javascript:
        javascript.run("inputs.xs.map(x => x * 2)", {"xs": [1, 2]}).result      # [2, 4]

Rules: those of the sandbox. `python -m edgemesh_sandbox.languages` makes what they need.
"""

from edgemesh_sandbox.languages.interpreter import Language
from edgemesh_sandbox.languages.javascript import JavaScript
from edgemesh_sandbox.languages.ruby import Ruby

__all__ = ["JavaScript", "Language", "Ruby"]
