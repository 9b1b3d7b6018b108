# ruff: noqa: E501 - a table, one program a line
"""Small inputs that unfold into large ones."""

from __future__ import annotations

from hostile.case import CRASH, EXCEPTION, MEMORY, OK, TIMEOUT, case

CASES = [
    case("a zip bomb", "import io, zipfile\nb = io.BytesIO()\nwith zipfile.ZipFile(b, 'w', zipfile.ZIP_DEFLATED) as z: z.writestr('x', bytes(20 << 20))\nx = []\nwhile True: x.append(zipfile.ZipFile(b).read('x'))", MEMORY, TIMEOUT),
    case("a zip that leads outside", "import io, zipfile, os\nb = io.BytesIO()\nwith zipfile.ZipFile(b, 'w') as z: z.writestr('../../../../etc/x', 'x')\nzipfile.ZipFile(b).extractall('/tmp/z')\noutput = os.path.exists('/etc')", OK, EXCEPTION, result=False),
    case("a zip of a million names", "import io, zipfile\nz = zipfile.ZipFile(io.BytesIO(), 'w')\nfor n in range(10 ** 6): z.writestr(str(n), b'')", TIMEOUT, MEMORY, EXCEPTION),
    case("a tar that leads outside", "import io, tarfile\nb = io.BytesIO()\nt = tarfile.open(fileobj=b, mode='w')\ni = tarfile.TarInfo('../../../etc/x'); t.addfile(i); t.close(); b.seek(0)\ntarfile.open(fileobj=b).extractall('/tmp', filter='fully_trusted')", EXCEPTION, OK),
    case("a tar of links to links", "import io, tarfile\nb = io.BytesIO()\nt = tarfile.open(fileobj=b, mode='w')\nfor a, c in (('a', 'b'), ('b', 'a')):\n  i = tarfile.TarInfo(a); i.type = tarfile.SYMTYPE; i.linkname = c; t.addfile(i)\nt.close(); b.seek(0)\ntarfile.open(fileobj=b).extractall('/tmp', filter='fully_trusted')\nopen('/tmp/a')", EXCEPTION),
    case("a tar of a false size", "import io, tarfile\ni = tarfile.TarInfo('x'); i.size = 1 << 40\ntarfile.open(fileobj=io.BytesIO(i.tobuf())).extractfile('x').read()", EXCEPTION, MEMORY, OK),
    case("an lzma bomb", "import lzma\nd = lzma.compress(bytes(10 << 20))\nx = []\nwhile True: x.append(lzma.decompress(d))", MEMORY, TIMEOUT, EXCEPTION),
    case("a bz2 bomb", "import bz2\nd = bz2.compress(bytes(10 << 20))\nx = []\nwhile True: x.append(bz2.decompress(d))", MEMORY, TIMEOUT, EXCEPTION),
    case("gzip within gzip", "import gzip\nd = bytes(1 << 20)\nfor _ in range(100): d = gzip.compress(d)\nfor _ in range(100): d = gzip.decompress(d)", OK, TIMEOUT, MEMORY),
    case("a picture of 10¹⁰ pixels", "import io, struct, zlib\nfrom PIL import Image\ndef chunk(t, d): return struct.pack('>I', len(d)) + t + d + struct.pack('>I', zlib.crc32(t + d))\np = b'\\x89PNG\\r\\n\\x1a\\n' + chunk(b'IHDR', struct.pack('>IIBBBBB', 100000, 100000, 8, 0, 0, 0, 0)) + chunk(b'IDAT', zlib.compress(bytes(1 << 16))) + chunk(b'IEND', b'')\nImage.open(io.BytesIO(p)).load()", EXCEPTION, MEMORY, TIMEOUT),
    case("a database bomb", "import sqlite3; sqlite3.connect(':memory:').execute('select length(hex(zeroblob(1000000000)))').fetchone()", EXCEPTION, MEMORY, TIMEOUT),
    case("a database of recursion", "import sqlite3\nc = sqlite3.connect(':memory:')\nc.execute('create table t as with recursive c(x) as (select 1 union all select x+1 from c) select x, randomblob(1000) from c')", MEMORY, EXCEPTION, TIMEOUT),
    case("a database's callback without an end", "import sqlite3\nc = sqlite3.connect(':memory:')\ndef f():\n  while True: pass\nc.create_function('f', 0, f); c.execute('select f()')", TIMEOUT),
    case("a database of forged bytes", "import sqlite3\nc = sqlite3.connect(':memory:')\nc.execute('create table t(x)')\nd = bytearray(c.serialize()); d[100:4000] = bytes(range(256)) * 15 + bytes(60)\nc.deserialize(bytes(d)); c.execute('select * from t').fetchall()", EXCEPTION, CRASH, OK),
    case("a pattern of SQL", "import sqlite3; sqlite3.connect(':memory:').execute(\"select ? like ?\", ('a' * 10000, '%a' * 2000 + 'b')).fetchone()", EXCEPTION, TIMEOUT, OK),
    case("yaml's billion laughs, in json", "import json\nx = '0'\nfor _ in range(40): x = json.dumps([x, x])", MEMORY, TIMEOUT),
    case("xml of quadratic size", "import xml.etree.ElementTree as E\nE.fromstring('<!DOCTYPE r [<!ENTITY e \"' + 'x' * 10 ** 6 + '\">]><r>' + '&e;' * 10 ** 5 + '</r>')", EXCEPTION, MEMORY, TIMEOUT),
    case("xml from outside", "import xml.etree.ElementTree as E\nE.fromstring('<!DOCTYPE r [<!ENTITY e SYSTEM \"file:///etc/passwd\">]><r>&e;</r>')", EXCEPTION),
    case("deep xml", "import xml.etree.ElementTree as E; E.fromstring('<a>' * 10 ** 5 + '</a>' * 10 ** 5)", OK, EXCEPTION, CRASH, MEMORY, TIMEOUT),
    case("lxml from outside", "from lxml import etree\np = etree.XMLParser(resolve_entities=True, load_dtd=True, no_network=False)\netree.fromstring(b'<!DOCTYPE r SYSTEM \"http://127.0.0.1/x\"><r/>', p); output = 1", OK, EXCEPTION),
]  # fmt: skip
