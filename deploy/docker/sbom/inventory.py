"""What an image holds: run inside it, says it as JSON.

Rules: the standard library alone. Debian's packages by dpkg, and those of which only libraries were
copied, by the list beside them; Python's by their metadata; what was compiled into a wheel by the
bill that the wheel brought.
"""

import json
import subprocess
from importlib import metadata
from pathlib import Path

COPIED = Path("/usr/local/lib/packages")
FIELDS = r"${Package}\t${Version}\t${Architecture}\n"


def licence(found: metadata.Distribution) -> str:
    """What a package says of its licence."""
    said = found.metadata
    return said.get("License-Expression") or (said.get("License") or "").split("\n")[0]


def compiled(found: metadata.Distribution) -> list[object]:
    """The bills of what was compiled into it."""
    bills = [
        file for file in found.files or () if "/sboms/" in str(file) and file.suffix == ".json"
    ]
    return [json.loads(found.locate_file(bill).read_text()) for bill in bills]


debian = subprocess.run(
    ["dpkg-query", "-W", "-f", FIELDS], capture_output=True, text=True, check=True
).stdout.splitlines()
debian += COPIED.read_text().splitlines() if COPIED.exists() else []
print(
    json.dumps(
        {
            "debian": sorted({tuple(line.split("\t")) for line in debian}),
            "python": [
                {
                    "name": found.name,
                    "version": found.version,
                    "licence": licence(found),
                    "compiled": compiled(found),
                }
                for found in metadata.distributions()
            ],
        }
    )
)
