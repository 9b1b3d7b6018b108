"""What the image has: distributions, and names that imports find."""
# pyright: basic, reportUndefinedVariable=false, reportAttributeAccessIssue=false
# ruff: noqa

import importlib.metadata
import pkgutil
import sys

library = next(each for each in sys.meta_path if type(each).__name__ == "Finder")
top = {name.partition("/")[0] for name in library.archive.names()}
top = {name.partition(".")[0] for name in top if not name.endswith(".dist-info")}
output = {
    "packages": {d.metadata["Name"]: d.version for d in importlib.metadata.distributions()},
    "standard": sorted(sys.stdlib_module_names),
    "modules": sorted(top | {name.partition(".")[0] for name in sys.modules}),
}
