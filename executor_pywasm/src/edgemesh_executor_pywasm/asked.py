"""What the front asks of a worker to make images, as algorithms that no caller can name.

    python.facts                               what the image has, and its digest
    python.environment  wheels, names          packages imported; output: an image
    python.report       code                   what it imports and calls, or why it is no program
    python.setup        code                   its module level run; output: an image
    python.signature    entry_point            on an image: the schemas of its parameters and result

Rules: both sides read the names here; it imports nothing, so that the front loads no native code.
"""

FACTS = "python.facts"
ENVIRONMENT = "python.environment"
REPORT = "python.report"
SETUP = "python.setup"
SIGNATURE = "python.signature"
