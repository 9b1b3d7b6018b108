"""Writes the bills of materials of images, and prints what each image is made of.

python deploy/docker/sbom --to FOLDER [NAME…]      gateway, cpp, ml, pywasm; default: all
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import docker
from bill import CRATE, DEBIAN, PYTHON, bill, counts, written

NAMES = ("gateway", "cpp", "ml", "pywasm")
INVENTORY = (Path(__file__).parent / "inventory.py").read_text()


def row(name: str, tag: str, to: Path) -> str:
    """Write one image's; its line of the table."""
    client = docker.from_env()
    title = f"edgemesh-{name}"
    image = client.images.get(f"{title}:{tag}")
    said = client.containers.run(
        image, ["-Ic", INVENTORY], entrypoint="python", remove=True, network_mode="none"
    )
    made = bill(title, image.labels["org.opencontainers.image.version"], json.loads(said))
    to.mkdir(parents=True, exist_ok=True)
    (to / f"{title}.cdx.json").write_text(written(made))
    found = counts(made)
    layers = len(image.attrs["RootFS"]["Layers"])
    return (
        f"{title:<18} {image.attrs['Size'] / 1e6:6.0f} {layers:6} "
        f"{found[DEBIAN]:7} {found[PYTHON]:7} {found[CRATE]:7}"
    )


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("names", nargs="*", default=NAMES, metavar="NAME")
    parser.add_argument("--to", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--tag", default="latest")
    given = parser.parse_args()
    rows = [row(name, given.tag, given.to) for name in given.names]
    print(f"{'image':<18} {'MB':>6} {'layers':>6} {'Debian':>7} {'Python':>7} {'crates':>7}")
    print(*rows, sep="\n")


if __name__ == "__main__":
    main()
