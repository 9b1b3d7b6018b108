"""A program that asks questions: `input()` and `sys.stdin` read what was given."""

from edgemesh_sandbox import Sandbox

PROGRAM = """
import sys

name = input("Who? ")
numbers = [float(word) for line in sys.stdin for word in line.split()]
print(f"{name}: {sum(numbers)}")
input("More? ")
"""

with Sandbox() as sandbox:
    result = sandbox.run(PROGRAM, stdin="Ada\n1 2\n3.5\n")
    print(result.stdout)
    print(result.outcome.name, result.failure and result.failure.type)  # nothing is left to read
