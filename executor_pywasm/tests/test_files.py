# ruff: noqa: E501 - a program a line; the guest's /tmp
"""A program's files: in memory, its own, bounded, and working as files do everywhere."""

from __future__ import annotations

import pytest

from edgemesh_sandbox import InputError, Limits, Outcome, Sandbox
from edgemesh_sandbox.limits import MIB

GIVEN = {"table.csv": b"x,y\n1,2\n3,4\n", "deep/er/data.bin": b"\0\1\2"}

WORKS = {
    "given": "output = [sorted(os.listdir('/')), sorted(os.listdir('/inputs')), open('/inputs/deep/er/data.bin', 'rb').read().hex(), os.getcwd()]",
    "modes": "with open('a', 'w') as f: f.write('one\\ntwo\\n')\nwith open('a', 'a') as f: f.write('three'); at = f.tell()\nwith open('a', 'r+') as f: f.seek(4); f.write('TWO'); f.seek(0); text = f.read()\noutput = [text, at, os.stat('a').st_size, os.path.isfile('a')]",
    "exclusive": "open('a', 'x').close()\ntry: open('a', 'x')\nexcept FileExistsError as e: output = e.filename",
    "tempfile": "import tempfile\nwith tempfile.NamedTemporaryFile('w+') as f:\n    f.write('x'); f.flush(); output = [os.path.exists(f.name), f.name.startswith('/tmp/')]\nwith tempfile.TemporaryFile() as f: f.write(b'ab'); f.seek(1); output += [f.read().decode()]\nwith tempfile.TemporaryDirectory() as d: open(d + '/x', 'w').close()\noutput += [os.path.exists(d), tempfile.gettempdir()]",
    "pathlib": "from pathlib import Path\np = Path('/tmp/a/b'); p.mkdir(parents=True); (p / 'c.txt').write_text('c')\n(p / 'c.txt').rename(p / 'd.txt'); (p / 'e').touch()\noutput = [sorted(str(q) for q in Path('/tmp/a').rglob('*')), (p / 'd.txt').read_text(), Path('~').expanduser().is_dir(), str(Path('x').resolve())]",
    "shutil": "import shutil\nos.makedirs('s/t'); open('s/t/f', 'w').write('f'); shutil.copytree('s', 'u'); shutil.move('u/t/f', 'g'); shutil.copy2('g', 'h'); shutil.rmtree('s')\noutput = [sorted(os.listdir('.')), list(os.walk('u'))]",
    "folders": "os.mkdir('d'); os.chdir('d'); open('f', 'w').close(); output = [os.getcwd(), os.listdir()]; os.remove('f'); os.chdir('..'); os.rmdir('d'); output += [os.listdir()]",
    "times": "open('a', 'w').close(); os.utime('a', (1, 2)); output = [os.stat('a').st_atime, os.stat('a').st_mtime]",
    "truncate": "open('a', 'wb').write(b'abc'); os.truncate('a', 5); output = [open('a', 'rb').read().hex()]; os.truncate('a', 1); output += [open('a').read()]",
    "unlinked": "f = open('a', 'w+'); f.write('still'); f.flush(); os.remove('a'); f.seek(0); output = [f.read(), os.path.exists('a')]",
    "many": "for i in range(2000): open(f'n{i}', 'w').close()\noutput = [len(os.listdir()), len(list(os.scandir()))]",
    "sqlite": "import sqlite3\nfor _ in range(2):\n    with sqlite3.connect('t.db') as c:\n        c.execute('create table if not exists t (a)'); c.executemany('insert into t values (?)', [(i,) for i in range(500)]); c.commit(); n = c.execute('select count(*), sum(a) from t').fetchone()\n    c.close()\noutput = [*n, os.path.getsize('t.db') > 4096]",
    "numpy": "import numpy as np\nnp.save('n.npy', np.arange(4)); np.savez_compressed('n.npz', a=np.ones(3)); m = np.memmap if 0 else None\noutput = [int(np.load('n.npy').sum()), float(np.load('n.npz')['a'].sum())]; np.savetxt('n.txt', np.eye(2)); output += [np.loadtxt('n.txt').tolist()]",
    "pandas": "import pandas as pd\nd = pd.read_csv('/inputs/table.csv'); d.to_csv('o.csv', index=False); d.to_pickle('o.pkl'); d.to_excel('o.xlsx', index=False); d.to_json('o.json')\noutput = [pd.read_csv('o.csv').equals(d), pd.read_pickle('o.pkl').equals(d), pd.read_excel('o.xlsx').equals(d), pd.read_json('o.json').equals(d)]",
    "pictures": "import matplotlib.pyplot as plt\nfrom PIL import Image\nplt.plot([1, 2]); plt.savefig('p.png', dpi=50); plt.savefig('p.svg'); plt.savefig('p.pdf'); plt.close()\noutput = [list(Image.open('p.png').size), open('p.svg').read(5), open('p.pdf', 'rb').read(4).decode()]",
    "archives": "import zipfile, tarfile, gzip, bz2, lzma\nopen('a', 'w').write('text')\nwith zipfile.ZipFile('z.zip', 'w') as z: z.write('a')\nzipfile.ZipFile('z.zip').extractall('zz')\nwith tarfile.open('t.tgz', 'w:gz') as t: t.add('zz')\nwith tarfile.open('t.tgz') as t: t.extractall('tt', filter='data')\nfor m in (gzip, bz2, lzma):\n    with m.open('c', 'wt') as f: f.write(m.__name__)\n    with m.open('c', 'rt') as f: assert f.read() == m.__name__\noutput = open('tt/zz/a').read()",
    "shelves": "import shelve, dbm.dumb\nwith shelve.open('s') as s: s['k'] = [1]\nwith shelve.open('s') as s: output = s['k']",
    "logging": "import logging\nlogging.basicConfig(filename='l.log', force=True); logging.warning('careful'); output = open('l.log').read()",
    "null": "output = [open(os.devnull, 'w').write('gone'), open('/dev/null').read()]",
    "fileinput": "import glob, filecmp, fileinput, linecache\nopen('a', 'w').write('1\\n2\\n'); open('b', 'w').write('1\\n2\\n')\noutput = [sorted(glob.glob('/tmp/*')), filecmp.cmp('a', 'b', shallow=False), list(fileinput.input('a')), linecache.getline('/tmp/b', 2)]",
}
EXPECTED = {
    "given": [["dev", "inputs", "outputs", "tmp"], ["deep", "table.csv"], "000102", "/tmp"],
    "modes": ["one\nTWO\nthree", 13, 13, True],
    "exclusive": "a",
    "tempfile": [True, True, "b", False, "/tmp"],
    "pathlib": [["/tmp/a/b", "/tmp/a/b/d.txt", "/tmp/a/b/e"], "c", True, "/tmp/x"],
    "shutil": [["g", "h", "u"], [["u", ["t"], []], ["u/t", [], []]]],
    "folders": ["/tmp/d", ["f"], []],
    "times": [1.0, 2.0],
    "truncate": ["6162630000", "a"],
    "unlinked": ["still", False],
    "many": [2000, 2000],
    "sqlite": [1000, 249500, True],
    "numpy": [6, 3.0, [[1.0, 0.0], [0.0, 1.0]]],
    "pandas": [True] * 4,
    "pictures": [[320, 240], "<?xml", "%PDF"],
    "archives": "text",
    "shelves": [1],
    "logging": "WARNING:root:careful\n",
    "null": [4, ""],
    "fileinput": [["/tmp/a", "/tmp/b"], True, ["1\n", "2\n"], "2\n"],
}


@pytest.mark.parametrize("name", WORKS)
def test_what_works_on_files(sandbox: Sandbox, name: str) -> None:
    code = f"import json, os\n{WORKS[name]}\noutput = json.loads(json.dumps(output))"
    result = sandbox.run(code, files=GIVEN)
    assert result.ok, result.failure
    assert result.result == EXPECTED[name]


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("open('/etc/passwd')", "FileNotFoundError"),
        ("open('/x', 'w')", "Read-only file system"),
        ("open('/inputs/table.csv', 'a')", "Read-only file system"),
        ("os.remove('/inputs/table.csv')", "Read-only file system"),
        ("os.rename('/inputs/table.csv', '/tmp/t')", "Read-only file system"),
        ("os.mkdir('/inputs/new')", "Read-only file system"),
        ("os.utime('/inputs/table.csv')", "Read-only file system"),
        ("os.rmdir('/tmp')", "Read-only file system"),
        ("os.symlink('/tmp', '/tmp/l')", "PermissionError"),
        ("open('/tmp/a', 'w'); os.link('/tmp/a', '/tmp/l')", "PermissionError"),
        ("open('../../../../etc/hostname')", "FileNotFoundError"),
        ("open('x' * 300, 'w')", "Filename too long"),
        ("open('/tmp/' + 'x/' * 5000)", "Filename too long"),
        ("open(b'/tmp/\\xff', 'w')", "OSError"),
        ("[open('/dev/null') for _ in range(2000)]", "No file descriptors available"),
        ("open('/proc/self/environ')", "FileNotFoundError"),
    ],
)
def test_what_is_refused(sandbox: Sandbox, code: str, says: str) -> None:
    result = sandbox.run(
        f"import os\nkept = {code}" if ";" not in code else f"import os\n{code}", files=GIVEN
    )
    assert result.outcome is Outcome.EXCEPTION
    assert result.failure
    assert says in result.failure.traceback


def test_files_are_bounded_and_room_comes_back(sandbox: Sandbox) -> None:
    code = """
import os
def fill(name, mib):
    try:
        with open(name, 'wb') as f:
            for _ in range(mib): f.write(bytes(1 << 20))
        return 'fits'
    except OSError as error:
        return error.strerror
output = [fill('a', 9)]
os.remove('a')
output += [fill('a', 6), fill('/outputs/b', 4)]
os.remove('a'); os.remove('/outputs/b')
try:
    with open('c', 'w') as f: f.truncate(1 << 40)
except OSError as error:
    output += [error.strerror]
output += [fill('d', 7)]
"""
    result = sandbox.run(code, limits=Limits(files_bytes=8 * MIB))
    full = "No space left on device"
    assert result.result == [full, "fits", full, full, "fits"]


def test_the_number_of_files_is_bounded(sandbox: Sandbox) -> None:
    code = """
import os
try:
    for i in range(20_000): os.mkdir(f'/tmp/{i}')
except OSError as error:
    output = [error.strerror, i]
"""
    assert sandbox.run(code).result == ["No space left on device", 10_000]


def test_nothing_is_left_for_the_next(sandbox: Sandbox) -> None:
    assert sandbox.run("open('/tmp/secret', 'w').write('x'); f = open('/tmp/kept', 'w')").ok
    code = "import os; output = [os.listdir(f) for f in ('/tmp', '/outputs', '/inputs')]"
    assert sandbox.run(code).result == [[], [], []]


def test_data_of_the_library_is_there(sandbox: Sandbox) -> None:
    code = "from sklearn.datasets import load_iris\nimport matplotlib.font_manager as fm\noutput = [load_iris().data.shape[0], open(fm.findfont('DejaVu Sans'), 'rb').read(4).hex()]"
    assert sandbox.run(code).result == [150, "00010000"]


@pytest.mark.parametrize(
    "name", ["", "/a", "a/", "../a", "a//b", "a/./b", "n\0ul", "x" * 256, "\ud800"]
)
def test_names_that_no_file_can_have_are_refused(sandbox: Sandbox, name: str) -> None:
    with pytest.raises(InputError):
        sandbox.run("", files={name: b""})


def test_a_file_is_not_also_a_folder(sandbox: Sandbox) -> None:
    with pytest.raises(InputError):
        sandbox.run("", files={"a": b"", "a/b": b""})


def test_folders_of_the_library_are_listed(sandbox: Sandbox) -> None:
    code = """
import matplotlib, os
from pathlib import Path
fonts = Path(matplotlib.get_data_path()) / 'fonts'
output = [
    'ttf' in os.listdir(fonts),
    any(name.endswith('DejaVuSans.ttf') for _, _, names in os.walk(fonts) for name in names),
    (fonts / 'ttf').is_dir(),
    next(fonts.glob('ttf/*VuSans.ttf')).stat().st_size > 1000,
]
"""
    assert sandbox.run(code).result == [True] * 4
