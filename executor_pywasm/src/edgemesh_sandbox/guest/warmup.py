"""What is imported and used once while the image is made, so that no program pays for it.

Rules: a package's first call costs more than its import (tables are built, code is
specialised), so what programs commonly do is done here. Nothing may be left behind: no figure,
no open file, no warning that would not be repeated.
"""
# pyright: basic, reportMissingImports=false, reportUnusedExpression=false
# ruff: noqa: B018 - what an expression warms is what it is for

from __future__ import annotations

import importlib
import io
import traceback
import warnings

STANDARD = """
    abc argparse array ast asyncio base64 bisect bz2 calendar cmath codecs collections.abc
    concurrent.futures configparser contextlib contextvars copy csv dataclasses datetime decimal
    difflib doctest email.message email.parser email.policy enum fractions functools getpass
    glob graphlib gzip hashlib heapq hmac html.parser http.client importlib.metadata
    importlib.resources inspect io ipaddress itertools json keyword linecache locale logging
    logging.handlers lzma math mimetypes numbers operator optparse pathlib pickle pkgutil
    platform pprint queue random re reprlib sched secrets select selectors shlex shutil signal
    socket sqlite3 stat statistics string string.templatelib struct subprocess tarfile tempfile
    textwrap threading time timeit tokenize tomllib traceback types typing unicodedata unittest
    unittest.mock urllib.parse urllib.request uuid warnings wave weakref xml.dom.minidom
    xml.etree.ElementTree zipfile zlib zoneinfo
"""
"""Modules of the standard library that a program finds imported already."""

PACKAGES = """
    attr bs4 charset_normalizer cloudpickle dateutil.parser dateutil.relativedelta defusedxml
    fontTools html5lib jinja2 joblib lxml.etree lxml.html markupsafe more_itertools mpmath
    narwhals networkx numpy numpy.fft numpy.linalg numpy.ma numpy.polynomial numpy.random
    openpyxl packaging.version pandas patsy PIL.Image PIL.ImageDraw PIL.PngImagePlugin
    PIL.JpegImagePlugin pypdf regex reportlab.pdfgen.canvas seaborn six sympy tabulate tomli_w
    toolz tqdm typing_extensions tzdata xlrd xlsxwriter xmltodict yaml scipy
    scipy.cluster.hierarchy scipy.cluster.vq scipy.fft scipy.integrate scipy.interpolate
    scipy.io scipy.linalg scipy.ndimage scipy.optimize scipy.signal scipy.sparse
    scipy.sparse.csgraph scipy.sparse.linalg scipy.spatial scipy.special scipy.stats
    sklearn.cluster sklearn.compose sklearn.decomposition sklearn.ensemble
    sklearn.feature_extraction.text sklearn.linear_model sklearn.metrics sklearn.model_selection
    sklearn.naive_bayes sklearn.neighbors sklearn.pipeline sklearn.preprocessing sklearn.svm
    sklearn.tree statsmodels.api statsmodels.formula.api statsmodels.tsa.api matplotlib
    matplotlib.pyplot matplotlib.dates matplotlib.ticker matplotlib.colors
    matplotlib.backends.backend_agg matplotlib.backends.backend_svg mpl_toolkits.mplot3d
"""
"""All packages of the wheel."""


def import_all(*, science: bool) -> list[str]:
    """Import everything, or the standard library; the names of what could not be imported."""
    missing: list[str] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in (STANDARD + PACKAGES * science).split():
            try:
                importlib.import_module(name)
            except Exception as error:
                missing.append(f"{name} ({type(error).__name__}: {error})")
    return missing


def use(*, science: bool) -> None:
    """Do what programs commonly do."""
    parts = (_plain, _arrays, _tables, _science, _pictures) if science else (_plain, _arrays)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for part in parts:
            part()


def _plain() -> None:
    import asyncio
    import datetime
    import json
    import re
    import statistics
    import zoneinfo

    json.loads(json.dumps({"a": [1, 2.5, None, "ä"], "b": {"c": True}}, indent=2))
    re.sub(r"(\w+)@(\w+)", r"\2", "user@example and more")
    statistics.mean([1, 2, 3.5])
    datetime.datetime.now(zoneinfo.ZoneInfo("Europe/Berlin")).strftime("%c %Z")
    asyncio.run(asyncio.sleep(0))
    sum(i * i for i in range(1000))
    sorted(range(100), key=lambda i: -i)
    f"{3.14159:.2f} {1_000_000:,} {'x':>10}"
    try:
        1 / 0
    except ZeroDivisionError:
        traceback.format_exc()


def _arrays() -> None:
    import numpy as np

    a = np.random.default_rng(0).random((50, 50))
    np.linalg.svd(a)
    np.linalg.solve(a, a)
    np.linalg.eig(a[:5, :5])
    np.fft.rfft(a)
    np.save(io.BytesIO(), a)
    a @ a, a.mean(0), a.std(), np.sort(a), np.percentile(a, 5), np.unique(a.round(1))
    str(a[:2]), repr(np.arange(3)), np.arange(10).sum(), np.concatenate([a, a])


def _tables() -> None:
    import pandas as pd

    table = pd.DataFrame(
        {"k": list("abab"), "v": [1, 2, 3, 4.5], "d": pd.date_range("2026-01-01", periods=4)}
    )
    table.groupby("k").v.agg(["sum", "mean"]), table.groupby("k").v.sum().to_dict()
    repr(table), table.describe(), table.to_csv(), table.to_json(date_format="iso")
    table.merge(table, on="k"), table.pivot_table(index="k", values="v"), table.sort_values("v")
    pd.read_csv(io.StringIO("a,b\n1,2\n")).dtypes
    table.set_index("d").resample("2D").v.sum(), table.v.rolling(2).mean(), table.to_dict("records")


def _science() -> None:
    import numpy as np
    import scipy.optimize
    import scipy.signal
    import scipy.stats
    from sklearn.linear_model import LinearRegression

    x, y = np.arange(3.0), np.array([1, 2, 3.5])
    scipy.stats.linregress(x, y)
    scipy.optimize.curve_fit(lambda x, a: a * x, x, y)
    scipy.optimize.minimize(lambda v: (v**2).sum(), [1.0, 2.0])
    scipy.signal.find_peaks(np.sin(np.arange(20)))
    LinearRegression().fit(x[:, None], y).predict(x[:, None])


def _pictures() -> None:
    import matplotlib.pyplot as plt

    for _ in range(2):
        figure, axes = plt.subplots()
        axes.plot([1, 2, 3], [1, 4, 9], label="x²")
        axes.bar([1], [2]), axes.scatter([1], [2]), axes.hist([1, 2, 2])
        (
            axes.set_title("title"),
            axes.set_xlabel(r"$\alpha_i^2 \mathbf{x}$"),
            axes.legend(),
            axes.grid(),
        )
        figure.savefig(io.BytesIO(), format="png")
        plt.close(figure)
    plt.rcdefaults()
    plt.switch_backend("agg")
