# ruff: noqa: E501 - a table, one program a line
"""Calls that go out, of programs that were granted `call:*` and of their own making.

The gateway is away here: what a call comes to then is a refusal, and all else is what is tried on
the way to it.
"""

from __future__ import annotations

from hostile.case import CALLS, CRASH, EXCEPTION, MEMORY, OK, TIMEOUT, case

_GRANTED = {"capabilities": ("call:*",)}
_START = "import _host, json, struct\ndef start(n, text): _host.call(struct.pack('<II', 1, n) + text)\ndef ask(n, **call): start(n, json.dumps({'tensors': call.pop('tensors', []), 'call': call}).encode())\n"
_WAIT = "place = bytearray(8)\nimport numpy as np\nat = np.frombuffer(place, 'u1').__array_interface__['data'][0]\ndef wait(n, s=-1.0):\n  _host.call(struct.pack('<IIdI', 3 - 1, n, s, at)); return struct.unpack('<II', place)\n"
_GOOD = "algorithm='a.b', parameters='{}', capabilities=[], run_time_ms=0"

CASES = [
    case("a call without a grant", "import edgemesh; edgemesh.call('cpp.fft')", EXCEPTION, says="NOT_GRANTED"),
    case("a call with one, and nobody there", "import edgemesh; edgemesh.call('cpp.fft')", EXCEPTION, says="NOT_STARTED", **_GRANTED),
    case("a call with a gigabyte", "import edgemesh, numpy as np; edgemesh.call('cpp.fft', x=np.broadcast_to(0.0, (1 << 27,)))", EXCEPTION, says="PAYLOAD_TOO_LARGE", **_GRANTED),
    case("a call with what does not fit in memory", "import edgemesh; edgemesh.call('cpp.fft', x=bytes(1 << 30))", MEMORY, **_GRANTED),
    case("a call with sixteen megabytes, for ever", "import edgemesh\nwhile True:\n  try: edgemesh.call('cpp.fft', x=bytes(16 << 20))\n  except edgemesh.CallRefused: pass", TIMEOUT, CALLS, **_GRANTED),
    case("calls without an end", "import edgemesh\nwhile True:\n  try: edgemesh.call('cpp.fft')\n  except edgemesh.CallRefused: pass", CALLS, TIMEOUT, **_GRANTED),
    case("more calls than are taken at once", "import asyncio, edgemesh\nasync def main(): return [type(e).__name__ for e in await asyncio.gather(*(edgemesh.call.aio('a.b') for _ in range(500)), return_exceptions=True)]\nset(asyncio.run(main()))", OK, **_GRANTED),
    case("capabilities that it has not", "import edgemesh; edgemesh.call.having('files:*', 'candle')('python.run', code='1')", EXCEPTION, says="NOT_GRANTED", **_GRANTED),
    case("the name of an algorithm that is none", "import edgemesh\nfor name in ('', 'x' * 10 ** 6, '\\0', 'ä.ö', '../x', 'a.b@' * 1000):\n  try: edgemesh.call(name)\n  except edgemesh.CallRefused: pass\noutput = 1", OK, result=1, **_GRANTED),
    case("parameters nested a hundred thousand deep", "import edgemesh\nx = []\nfor _ in range(10 ** 5): x = [x]\nedgemesh.call('a.b', x=x)", EXCEPTION, **_GRANTED),
    case("parameters that contain themselves", "import edgemesh\nx = []; x.append(x)\nedgemesh.call('a.b', x=x)", EXCEPTION, **_GRANTED),
    case("forged questions", _START + "for text in (b'', b'{}', b'[]', b'null', b'{\"call\":1,\"tensors\":[]}', b'{\"call\":{},\"tensors\":[]}', b'{\"call\":null,\"tensors\":{}}', b'\\xff', b'[' * 10 ** 5):\n  for n in (0, 1, 2 ** 32 - 1):\n    try: start(n, text)\n    except OSError: pass\noutput = 1", OK, result=1, **_GRANTED),
    case("forged fields of a question", _START + f"good = dict({_GOOD})\nn = 9\nfor name in good:\n  for value in (None, 1, -1, 2 ** 70, 1.5, '', [], [1], {{}}, 'x' * 10 ** 5, '\\ud800'):\n    n += 1\n    try: ask(n, **good | {{name: value}})\n    except OSError: pass\noutput = 1", OK, result=1, **_GRANTED),
    case("forged tensors of a question", _START + f"n = 9\nfor address in (0, 1, 2 ** 31, 2 ** 32 - 1, 2 ** 40, -1):\n  for nbytes in (0, 8, 2 ** 31, 2 ** 32, -8):\n    for dtype in ('float64', 'bytes', 'object', ''):\n      n += 1\n      t = dict(name='x', dtype=dtype, shape=[1], address=address, nbytes=nbytes, media_type='')\n      try: ask(n, tensors=[t], {_GOOD})\n      except OSError: pass\noutput = 1", OK, result=1, **_GRANTED),
    case("an answer of a call that was never made", _START + _WAIT + "found = [wait(n, 0.0) for n in (0, 5, 2 ** 32 - 1)]\nfor n in (0, 5):\n  try: _host.call(struct.pack('<IIdI', 3, n, 0, at))\n  except OSError: found.append('refused')\noutput = found[-1]", OK, result="refused", **_GRANTED),
    case("an answer written over the whole memory", _START + _WAIT + f"ask(1, {_GOOD})\nwait(1)\nfor place in (0, 65536, 2 ** 32 - 1, at):\n  try: _host.call(struct.pack('<IIdI', 3, 1, 0, place))\n  except OSError: pass\noutput = 1", OK, EXCEPTION, CRASH, prints=False, **_GRANTED),
    case("calls that are begun and forgotten", _START + f"for n in range(1, 900):\n  try:\n    ask(n, {_GOOD})\n    _host.call(struct.pack('<II', 4, n))\n  except OSError: pass\noutput = 1", OK, result=1, **_GRANTED),
    case("an end while calls are under way", "import edgemesh, asyncio, os\nasync def main():\n  t = [asyncio.ensure_future(edgemesh.call.aio('a.b')) for _ in range(30)]\n  await asyncio.sleep(0)\n  os._exit(0)\nasyncio.run(main())", OK, **_GRANTED),
    case("HTTP without a grant", "from edgemesh import http; http.get('http://169.254.169.254/latest/meta-data')", EXCEPTION, says="NOT_GRANTED"),
    case("HTTP with grants of something else", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/')", EXCEPTION, says="NOT_GRANTED", **_GRANTED),
    case("forged HTTP requests", _START + "n = 9\nfor asked in (None, 1, [], {}, {'url': 1}, dict(method='GET', url='file:///etc/passwd', headers=[], seconds=1e400), dict(method='GET', url='x' * 10 ** 6, headers=[['a', 'b']] * 10 ** 4, seconds=-1)):\n  n += 1\n  try: start(n, json.dumps({'tensors': [], 'http': asked}).encode())\n  except OSError: pass\noutput = 1", OK, result=1, **_GRANTED),
    case("a graph of tensors that refers to itself", "import candle\nx = candle.Tensor([1.0]) + 1\nx._args = (x,)\nx.tolist()", TIMEOUT, MEMORY, EXCEPTION, **_GRANTED),
    case("a tensor of more elements than there are", "import candle\nx = candle.ones(10 ** 6, 10 ** 6)\nx.tolist()", EXCEPTION, says="NOT_STARTED", **_GRANTED),
]  # fmt: skip
