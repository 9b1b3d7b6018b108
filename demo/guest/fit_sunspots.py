"""A user's own code, as it is sent to the sandbox: no files, no network, no host underneath.

`inputs` holds the request's tensors as arrays; what is assigned to `output` comes back: a figure as
a PNG.
"""
# ruff: noqa: F821

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

series = pd.Series(inputs["numbers"], index=inputs["years"].astype(int), name="sunspots")


def sinusoid(period):
    """Least squares of a trend and one sinusoid: fitted values and their residual sum."""
    t = series.index.to_numpy(float) - 1700.0
    angle = 2 * np.pi * t / period
    basis = np.column_stack([np.ones_like(t), t, np.cos(angle), np.sin(angle)])
    weights, *_ = np.linalg.lstsq(basis, series.to_numpy(), rcond=None)
    fitted = basis @ weights
    return fitted, float(((series - fitted) ** 2).sum())


# The cycle, as the period of the sinusoid that fits best.
periods = np.arange(8.0, 14.0, 0.01)
cycle = float(periods[np.argmin([sinusoid(period)[1] for period in periods])])

# Yule's model of 1927, the first autoregression: next year from this one and the last.
centred = series - series.mean()
lags = pd.concat({lag: centred.shift(lag) for lag in (1, 2)}, axis=1).dropna()
(a, b), *_ = np.linalg.lstsq(lags.to_numpy(), centred[lags.index].to_numpy(), rcond=None)
forecast = lags.to_numpy() @ np.array([a, b])
explained = 1 - float(np.var(centred[lags.index] - forecast) / np.var(centred[lags.index]))

figure = Figure(figsize=(9, 4), dpi=100, layout="constrained")
axes = figure.subplots()
axes.plot(series.index, series, lw=0.8, color="0.6", label="sunspots a year")
axes.plot(series.index, sinusoid(cycle)[0], color="tab:orange", label=f"cycle of {cycle:.2f} years")
axes.plot(
    lags.index,
    forecast + series.mean(),
    lw=0.8,
    color="tab:blue",
    label=f"autoregression, explains {explained:.0%}",
)
axes.set(xlabel="year", xlim=(1700, 2008), ylim=(-20, 220))
axes.legend(ncols=3, loc="upper left", frameon=False)

print(f"{len(series)} years, mean {series.mean():.1f}")
output = {
    "cycle": cycle,
    "autoregression": [float(a), float(b)],
    "explained": explained,
    "picture": figure,
}
