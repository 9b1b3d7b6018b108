"""Exceptions: their type, message, and a traceback of the program's own lines."""

from edgemesh_sandbox import Sandbox

PROGRAMS = {
    "raised": "def half(n):\n    return n / 0\n\nprint('before')\nhalf(3)",
    "grouped": "raise ExceptionGroup('two', [ValueError('a'), KeyError('b')])",
    "not Python": "for x in range(3) print(x)",
    "exit": "import sys\nsys.exit(3)",
    "handled": "try:\n    int('x')\nexcept ValueError as error:\n    output = str(error)",
}

with Sandbox() as sandbox:
    for name, program in PROGRAMS.items():
        result = sandbox.run(program)
        print(f"--- {name}: {result.outcome.name} {result.result or ''}")
        if result.failure:
            print(f"{result.failure.type}: {result.failure.message}")
            print(result.failure.traceback, end="")
