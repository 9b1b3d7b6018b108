"""Puts wheels' files where imports find them, and imports every package once."""
# pyright: basic, reportUndefinedVariable=false, reportAttributeAccessIssue=false
# ruff: noqa


def _edgemesh_install(path, names):
    import importlib
    import marshal
    import sys
    import zipfile

    # What is imported later, on a call's path, is compiled already.
    compiled = "/tmp/wheels"
    with zipfile.ZipFile(path) as given, zipfile.ZipFile(compiled, "w", zipfile.ZIP_DEFLATED) as to:
        for name in given.namelist():
            data = given.read(name)
            to.writestr(name, data)
            if name.endswith(".py"):
                try:
                    code = compile(data, f"{path}/{name}", "exec", dont_inherit=True)
                except (SyntaxError, ValueError):  # of another Python's; it fails when imported
                    continue
                to.writestr(f"{name}c", bytes(16) + marshal.dumps(code))
    library = next(each for each in sys.meta_path if type(each).__name__ == "Finder")
    library.beside(compiled)
    import os

    os.unlink(compiled)
    for name in names:
        try:
            importlib.import_module(name)
        except Exception as error:
            error.add_note(f"package {name}")
            raise


_edgemesh_install("/inputs/wheels", inputs["names"])
del _edgemesh_install, inputs
