"""A DataFrame in and out; with it arrays, dates, decimals and sets, none of them as text."""

import datetime
from decimal import Decimal

import pandas as pd

from edgemesh_sandbox import Sandbox

PROGRAM = """
import numpy as np

sales = inputs["sales"]
sales["month"] = sales.day.dt.to_period("M").astype(str)
by_city = sales.groupby(["city", "month"]).amount.agg(["sum", "count"]).reset_index()
output = {
    "by_city": by_city,
    "correlation": np.corrcoef(sales.amount, sales.day.dt.dayofyear),
    "days": (inputs["until"] - sales.day.min().date()).days,
    "with tax": inputs["tax"] * 100,
    "cities": set(sales.city),
}
"""

sales = pd.DataFrame(
    {
        "city": ["Oslo", "Bern", "Oslo", "Bern"],
        "day": pd.to_datetime(["2026-01-05", "2026-01-20", "2026-02-03", "2026-02-11"]),
        "amount": [10.5, 20.0, 30.25, 5.0],
    }
)

with Sandbox() as sandbox:
    inputs = {"sales": sales, "until": datetime.date(2026, 3, 1), "tax": Decimal("1.19")}
    for name, value in sandbox.run(PROGRAM, inputs).result.items():
        print(f"{name}: {type(value).__name__}\n{value}\n")
