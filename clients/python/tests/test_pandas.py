"""pandas in and out: tables are arguments, and tables are answers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from edgemesh_client import Client, ValueUnfit

TABLE = pd.DataFrame(
    {
        "city": pd.Categorical(["Bern", "Oslo", "Bern"]),
        "at": pd.to_datetime(["2026-01-01", "2026-01-02", "2026-01-03"]).tz_localize("UTC"),
        "degrees": [1.5, -3.0, np.nan],
        "people": pd.array([1, None, 3], dtype="Int64"),
        "note": ["a", None, "c"],
    },
    index=pd.Index([10, 20, 30], name="station"),
)


@pytest.mark.needs("pywasm")
def test_a_table_crosses_as_itself_both_ways(client: Client) -> None:
    back = client.run("inputs['table']", inputs={"table": TABLE}).value
    pd.testing.assert_frame_equal(back, TABLE)


@pytest.mark.needs("pywasm")
def test_a_function_takes_a_table_and_gives_one(client: Client) -> None:
    @client.remote
    def warmest(table: pd.DataFrame) -> Any:
        return table.groupby("city", observed=True)["degrees"].max()

    answer = warmest(TABLE)
    assert answer["Bern"] == 1.5
    assert answer["Oslo"] == -3.0


@pytest.mark.needs("cpp")
def test_a_column_is_an_array_to_native_code(client: Client) -> None:
    degrees = TABLE["degrees"].fillna(0.0)
    spectrum = client.compute("cpp.fft", x=degrees).value
    np.testing.assert_allclose(spectrum, np.fft.fft(degrees.to_numpy()), atol=1e-12)


def test_a_column_without_a_form_is_named(client: Client) -> None:
    periods = pd.DataFrame({"month": pd.period_range("2026-01", periods=2, freq="M")})
    with pytest.raises(ValueUnfit, match=r"\['month'\] is a column of dtype period"):
        client.run("1", inputs={"table": periods})
