# ruff: noqa: E501 - a table, one program a line
"""Programs that reach for the machine."""

from __future__ import annotations

from hostile.case import CRASH, EXCEPTION, EXIT, OK, case

CASES = [
    case("fork", "import os; os.fork()", EXCEPTION),
    case("subprocess", "import subprocess; subprocess.run(['ls'])", EXCEPTION),
    case("os.system", "import os; os.system('ls')", EXCEPTION),
    case("tcp", "import socket; socket.create_connection(('1.1.1.1', 80))", EXCEPTION),
    case("udp", "import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM)", EXCEPTION),
    case("http", "import urllib.request; urllib.request.urlopen('http://127.0.0.1/')", EXCEPTION),
    case("ctypes", "import ctypes; ctypes.CDLL(None).system(b'ls')", EXCEPTION),
    case("threads", "import threading; threading.Thread(target=print).start()", EXCEPTION),
    case("mmap", "import mmap; mmap.mmap(-1, 1 << 20)", EXCEPTION),
    case("dns", "import socket; socket.getaddrinfo('localhost', 80)", EXCEPTION),
    case("a pair of sockets", "import socket; socket.socketpair()", EXCEPTION),
    case("a server", "import http.server; http.server.HTTPServer(('', 0), None)", EXCEPTION),
    case("tls", "import ssl", EXCEPTION),
    case("exec", "import os; os.execv('/bin/sh', ['sh'])", EXCEPTION),
    case("spawn", "import os; os.posix_spawn('/bin/sh', ['sh'], {})", EXCEPTION),
    case("popen", "import os; os.popen('ls').read()", EXCEPTION),
    case("multiprocessing", "import multiprocessing as m; m.Process(target=print).start()", EXCEPTION),
    case("another interpreter", "import concurrent.interpreters as i; i.create().exec('1')", EXCEPTION),
    case("a pipe", "import os; os.pipe()", EXCEPTION),
    case("who it is", "import os, pwd; output = pwd.getpwuid(os.getuid())", EXCEPTION),
    case("limits of its own", "import resource; resource.setrlimit(resource.RLIMIT_CPU, (1, 1))", EXCEPTION),
    case("a handler of signals", "import signal; signal.signal(signal.SIGTERM, lambda *a: None); signal.raise_signal(signal.SIGTERM)", EXCEPTION, OK, EXIT, CRASH),
    case("a terminal", "import termios, tty", EXCEPTION),
    case("pip", "import pip", EXCEPTION),
    case("a dynamic library", "import importlib.machinery as m; m.ExtensionFileLoader('x', '/tmp/x.so').load_module()", EXCEPTION),
    case("the path of this interpreter", "import sys, os; output = [sys.executable, os.getcwd()]", OK),
]  # fmt: skip
