"""What a program imports and calls, told without running it; and whether it compiles."""
# pyright: basic, reportUndefinedVariable=false, reportAttributeAccessIssue=false
# ruff: noqa

import ast
import importlib.util

MOST_CALLS = 100
MOST_IMPORTS = 1000
RISKY = {
    "eval": "runs text as code",
    "exec": "runs text as code",
    "compile": "makes code of text",
    "__import__": "imports a module by a name that is computed",
    "importlib.import_module": "imports a module by a name that is computed",
    "pickle.load": "runs what whoever wrote the bytes wants",
    "pickle.loads": "runs what whoever wrote the bytes wants",
    "marshal.loads": "can crash the interpreter",
    "os.system": "fails: there are no processes",
    "os.popen": "fails: there are no processes",
    "os.fork": "fails: there are no processes",
    "os.kill": "fails: there are no signals",
    "os._exit": "ends the call at once",
    "subprocess.*": "fails: there are no processes",
    "multiprocessing.*": "fails: there are no processes",
    "threading.Thread": "fails: there are no threads",
    "concurrent.futures.*": "fails: there are no threads or processes",
    "socket.*": "fails: there is no network",
    "ssl.*": "fails: there is no network",
    "http.client.*": "fails: there is no network",
    "urllib.request.*": "fails: there is no network",
    "requests.*": "fails: there is no network",
    "httpx.*": "fails: there is no network",
    "ctypes.*": "fails: nothing native can be called",
    "input": "reads stdin, which is empty in a registered algorithm",
}


def remark(name):
    found = RISKY.get(name)
    while found is None and "." in name:
        name = name.rpartition(".")[0]
        found = RISKY.get(f"{name}.*")
    return found


class Reader(ast.NodeVisitor):
    def __init__(self):
        self.imports, self.names, self.calls = set(), {}, []

    def visit_Import(self, node):
        for alias in node.names:
            self.imports.add(alias.name.partition(".")[0])
            bound = alias.asname or alias.name.partition(".")[0]
            self.names[bound] = alias.name if alias.asname else bound

    def visit_ImportFrom(self, node):
        if node.module and not node.level:
            self.imports.add(node.module.partition(".")[0])
            for alias in node.names:
                self.names[alias.asname or alias.name] = f"{node.module}.{alias.name}"

    def visit_Call(self, node):
        name = self.dotted(node.func)
        said = remark(name) if name else None
        if said and len(self.calls) < MOST_CALLS:
            column = node.col_offset + 1
            self.calls.append([ast.unparse(node.func)[:200], node.lineno, column, said])
        self.generic_visit(node)

    def dotted(self, node):
        parts = []
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name):
            return ""
        return ".".join([self.names.get(node.id, node.id), *reversed(parts)])


def absent(name):
    try:
        return importlib.util.find_spec(name) is None
    except (ImportError, ValueError):
        return True


def report(code):
    try:
        tree = ast.parse(code, "main.py")
        compile(code, "main.py", "exec", dont_inherit=True)
    except SyntaxError as error:
        return {"error": [error.msg, error.lineno or 0, error.offset or 0]}
    except (MemoryError, RecursionError):
        return {"error": ["nested too deeply", 0, 0]}
    except ValueError as error:
        return {"error": [str(error), 0, 0]}
    reader = Reader()
    try:
        reader.visit(tree)
    except RecursionError:
        return {"error": ["nested too deeply", 0, 0]}
    imports = sorted(reader.imports)[:MOST_IMPORTS]
    return {
        "imports": imports,
        "missing": [name for name in imports if absent(name)],
        "calls": reader.calls,
    }


output = report(inputs["code"])
