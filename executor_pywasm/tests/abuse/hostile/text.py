# ruff: noqa: E501 - a table, one program a line
"""Text that is hostile to what reads it."""

from __future__ import annotations

from hostile.case import CRASH, EXCEPTION, MEMORY, OK, OUTPUT, TIMEOUT, case

CASES = [
    case("ten million characters of one kind", "import unicodedata; unicodedata.normalize('NFKD', '\\ufdfa' * 10 ** 7)", MEMORY, TIMEOUT, EXCEPTION),
    case("case folding that grows", "x = '\\u0390' * 10 ** 6\nwhile True: x = x.upper() + x", MEMORY, TIMEOUT),
    case("replace that grows", "x = 'a' * 10 ** 5; x.replace('a', x)", MEMORY, EXCEPTION),
    case("translate that grows", "('a' * 10 ** 5).translate({97: 'b' * 10 ** 5})", MEMORY, TIMEOUT, EXCEPTION),
    case("a template of templates", "x = '{0}' * 10\nfor _ in range(20): x = x.format(x)", MEMORY, EXCEPTION, TIMEOUT),
    case("format that reads attributes", "output = '{0.__class__.__mro__}'.format(1)", OK),
    case("format fields within fields", "'{:{}}'.format(1, 10 ** 12)", EXCEPTION),
    case("a codec of another name", "'x'.encode('\\0' * 100)", EXCEPTION),
    case("a codec that never ends", "import codecs\ndef f(n):\n  while True: pass\ncodecs.register(f); 'x'.encode('no-such-codec')", TIMEOUT),
    case("idna", "('a' * 10 ** 6).encode('idna')", EXCEPTION, TIMEOUT),
    case("punycode", "('xn--' + 'a' * 10 ** 5).encode().decode('punycode')", EXCEPTION, TIMEOUT, OK, OUTPUT),
    case("utf-7", "import random; random.randbytes(10 ** 6).decode('utf-7', 'replace'); output = 1", OK, EXCEPTION, TIMEOUT),
    case("difflib", "import difflib; difflib.SequenceMatcher(None, 'ab' * 10 ** 4, 'ba' * 10 ** 4, autojunk=False).ratio()", TIMEOUT, OK, MEMORY),
    case("textwrap", "import textwrap; textwrap.fill('a-' * 10 ** 6, 1)", TIMEOUT, MEMORY, OK),
    case("csv of one field", "import csv; csv.field_size_limit(2 ** 31 - 1); list(csv.reader(['\"' + 'x' * 10 ** 7]))", OK, MEMORY, EXCEPTION),
    case("an email of parts within parts", "import email; email.message_from_string('Content-Type: multipart/mixed; boundary=a\\n\\n' + '--a\\nContent-Type: multipart/mixed; boundary=a\\n\\n' * 10 ** 4)", OK, EXCEPTION, TIMEOUT, CRASH, MEMORY),
    case("html", "from html.parser import HTMLParser; HTMLParser().feed('<' * 10 ** 5 + '<!' * 10 ** 5)", OK, TIMEOUT, EXCEPTION),
    case("a date of great length", "from email.utils import parsedate; parsedate('1' * 10 ** 6 + ' ' * 10 ** 6)", OK, EXCEPTION, TIMEOUT),
    case("fnmatch", "import fnmatch; fnmatch.fnmatch('a' * 50, '*a' * 25 + 'b')", TIMEOUT, OK),
    case("shlex", "import shlex; shlex.split('\"' + 'x ' * 10 ** 6)", EXCEPTION, TIMEOUT),
    case("ast.literal_eval", "import ast; ast.literal_eval('[' * 10 ** 5)", EXCEPTION, MEMORY, CRASH),
    case("a name of a million letters", "exec('x' * 10 ** 6 + ' = 1'); output = 1", OK, result=1),
    case("an f-string of f-strings", "x = \"f'{1}'\"\nfor _ in range(200): x = 'f\"{' + x + '}\"'\neval(x)", EXCEPTION, OK, MEMORY, CRASH),
]  # fmt: skip
