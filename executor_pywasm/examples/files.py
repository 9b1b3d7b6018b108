"""Files: given ones below /inputs, a bounded /tmp, and what is left below /outputs comes back."""

from edgemesh_sandbox import Limits, Sandbox

PROGRAM = """
import csv, pathlib, sqlite3, tempfile

with open("/inputs/prices.csv", newline="") as file:
    rows = [(row["item"], float(row["price"])) for row in csv.DictReader(file)]
with tempfile.TemporaryDirectory() as folder:
    shop = sqlite3.connect(pathlib.Path(folder, "shop.db"))
    shop.execute("create table prices (item, price)")
    shop.executemany("insert into prices values (?, ?)", rows)
    total = shop.execute("select sum(price) from prices").fetchone()[0]
pathlib.Path("/outputs/report.txt").write_text(f"{len(rows)} items, {total:.2f} in all\\n")
"""

PRICES = b"item,price\npear,0.50\nmelon,3.20\nfig,0.35\n"

with Sandbox() as sandbox:
    result = sandbox.run(PROGRAM, files={"prices.csv": PRICES})
    print(bytes(result.outputs["report.txt"].data).decode())

    small = Limits(files_bytes=1 << 20)
    for refused in ("open('/tmp/large', 'wb').write(bytes(2 << 20))", "open('/etc/passwd')"):
        failure = sandbox.run(refused, limits=small).failure
        print(failure and f"{failure.type}: {failure.message}")
