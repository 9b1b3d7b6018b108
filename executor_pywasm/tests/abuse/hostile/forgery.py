# ruff: noqa: E501 - a table, one program a line
"""Answers that the program writes in the runtime's place."""

from __future__ import annotations

from hostile.case import CRASH, EXCEPTION, EXIT, MEMORY, OK, OUTPUT, TIMEOUT, case
from hostile.forging import FIND_BLOCK, forge, forge_tensor, place_answer, write_words

CASES = [
    case("a forged answer", "import gc\nfor o in gc.get_objects():\n  pass\nimport _host\nfor _ in range(3):\n  try: _host.call(b'{\"outcome\":\"ok\"}')\n  except OSError: pass\noutput = 5", OK, result=5),
    case("a runtime torn out", "import sys, gc\nfor m in list(sys.modules.values()):\n  if m.__name__ != '__main__':\n    try: m.__dict__.clear()\n    except BaseException: pass", EXCEPTION, CRASH, OK, EXIT),
    case("a reactor torn out", "import _reactor; _reactor.__dict__.clear(); output = 1", OK, CRASH),
    case("another answer in its place", "import json.encoder, json\njson.encoder.JSONEncoder.encode = lambda *a: '{\"outcome\": \"forged\"}'\noutput = 1", OK, CRASH),
    case("memory written at random", "import numpy as np\nclass M: __array_interface__ = {'data': (1 << 20, False), 'shape': (200 << 20,), 'typestr': '|u1', 'version': 3}\nx = np.asarray(M())\nx[:] = 255", CRASH, TIMEOUT, EXCEPTION, MEMORY, prints=False),
    case("an outcome that is none", forge('{"outcome":"great"}'), CRASH, says="BadAnswer"),
    case("no JSON", forge("nonsense"), CRASH, says="BadAnswer"),
    case("an answer that nests", forge("[" * 100_000), CRASH, says="BadAnswer"),
    case("a list", forge("[]"), CRASH, says="BadAnswer"),
    case("a result that is no JSON", forge('{"outcome":"ok","tensors":[],"result":[0,64]}'), CRASH, says="BadAnswer"),
    case("a result of another type", forge('{"outcome":"ok","tensors":[],"result":7}'), CRASH, says="BadAnswer"),
    case("tensors outside of memory", forge_tensor(address=2**32 - 8, nbytes=800, shape=[800]), CRASH, says="BadAnswer"),
    case("tensors of a negative place", forge_tensor(address=-8, nbytes=8, shape=[8]), CRASH, says="BadAnswer"),
    case("tensors of gigabytes", forge_tensor(address=0, nbytes=2**31, shape=[2**31]), CRASH, OUTPUT, MEMORY, EXCEPTION),
    case("tensors of a huge shape", forge_tensor(address=0, nbytes=8, shape=[2**40, 2**40]), CRASH, says="BadAnswer"),
    case("tensors of no known type", forge_tensor(dtype="object"), CRASH, says="BadAnswer"),
    case("tensors of hostile names", forge_tensor(name="\0"), CRASH, says="BadAnswer"),
    case("an exit status of 10⁹", forge('{"outcome":"exit","exit_code":1000000000}'), CRASH, says="BadAnswer"),
    case("a failure without texts", forge('{"outcome":"exception"}'), CRASH, says="BadAnswer"),
    case("a failure of 2 MB", forge('{"outcome":"exception","memory":false,"notes":[],"exceptions":[],"type":"E","message":"' + "x" * 5000 + '","traceback":""}'), EXCEPTION, CRASH),
    case("an answer far away", place_answer("0xFFFFFFF0", "64"), CRASH, says="BadAnswer"),
    case("an answer of 4 GB", place_answer("0", "0xFFFFFFFF"), CRASH, OUTPUT),
    case("an answer of nothing", place_answer("0", "0"), CRASH),
    case("a log of 4 GB", write_words({1: 0xFFFFFFFF}) + "\noutput = 1", OK, CRASH, prints=False),
    case("records of 2 GB", write_words({1: 64, 4: 0xFFFFFFFE}) + "\noutput = 1", OK, OUTPUT, CRASH, prints=False),
    case("a log that ends before it begins", "print('x' * 100)\n" + write_words({1: 4}) + "\nprint('y')\noutput = 1", OK, CRASH, prints=False),
    case("a log that is written all the while, listened to", FIND_BLOCK + "import time\nwhile True:\n  for n in range(64): words[1] = n * 977 % 70000; words[4 + n] = n * 2 ** 25", TIMEOUT, OUTPUT, streams=True, prints=False),
    case("a block filled with ones", FIND_BLOCK + "block[:] = b'\\xff' * len(block)\noutput = 1", OK, CRASH, OUTPUT, prints=False),
    case("calls of the host's door", "import _host\nfor size in (0, 1, 1000, 1 << 20):\n  for _ in range(100):\n    try: _host.call(bytes(size))\n    except OSError: pass\noutput = 1", OK, result=1),
    case("the host's door, for ever", "import _host\nwhile True:\n  try: _host.call(b'{}')\n  except OSError: pass", TIMEOUT),
    case("the host's door with what is no bytes", "import _host\nfor x in (None, 1, 'x', [], _host):\n  try: _host.call(x)\n  except (TypeError, OSError): pass\noutput = 1", OK, result=1),
    case("a turn within a turn", "import _reactor\nfor n in dir(_reactor):\n  try: getattr(_reactor, n)(b'1')\n  except BaseException: pass\noutput = 1", OK, CRASH, EXCEPTION),
    case("the runtime called again", "import gc\nfor o in gc.get_objects():\n  if type(o).__name__ == 'Runtime':\n    for _ in range(3): o.call(b'{\"code\":\"print(1)\",\"inputs\":{},\"stdin\":\"\",\"tensors\":[]}')\noutput = 5", OK, CRASH, EXCEPTION),
    case("json replaced", "import json\njson.dumps = json.loads = lambda *a, **k: 'forged'\njson.JSONEncoder.encode = json.JSONEncoder.iterencode = lambda *a: ['forged']\noutput = {'a': 1}", OK, CRASH, EXCEPTION),
]  # fmt: skip
