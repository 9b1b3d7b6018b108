"""The image plugin against cv2. Debian's OpenCV is older than cv2's: integers may differ by 1."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest
from conftest import Array, Tensor, allocate, compute, outputs

import edgemesh_cpp_host as host

DTYPES = ("uint8", "uint16", "float32")
SHAPES = [(1, 1), (2, 3), (3, 2, 3), (17, 31), (64, 65, 3), (33, 16, 4), (7, 129, 2)]
INTERPOLATIONS = {
    "nearest": cv2.INTER_NEAREST,
    "linear": cv2.INTER_LINEAR,
    "linear_exact": cv2.INTER_LINEAR_EXACT,
    "cubic": cv2.INTER_CUBIC,
    "area": cv2.INTER_AREA,
    "lanczos4": cv2.INTER_LANCZOS4,
}
BORDERS = {
    "constant": cv2.BORDER_CONSTANT,
    "replicate": cv2.BORDER_REPLICATE,
    "reflect": cv2.BORDER_REFLECT,
    "reflect_101": cv2.BORDER_REFLECT_101,
}


@pytest.fixture(scope="module")
def image(load: Callable[[str], host.Plugin]) -> host.Plugin:
    return load("image")


def picture(shape: tuple[int, ...], dtype: str, seed: int = 0) -> Array:
    """Noise over the whole range of the type; 0 to 1 for floats."""
    numbers = np.random.default_rng(seed).random(shape)
    return (numbers if dtype == "float32" else numbers * np.iinfo(dtype).max).astype(dtype)


def assert_near(got: Array, expected: Any, relative: float = 2e-6) -> None:
    """Equal but for 1 level of an integer type, or for rounding."""
    assert got.dtype == expected.dtype
    expected = expected.reshape(got.shape)  # cv2 drops a third dimension of 1
    if expected.dtype.kind == "f":
        tolerance = relative * max(1.0, float(np.abs(expected).max()))
        np.testing.assert_allclose(got, expected, rtol=0, atol=tolerance)
    else:
        assert np.abs(got.astype("int64") - expected.astype("int64")).max() <= 1


@pytest.mark.parametrize("name", INTERPOLATIONS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
def test_resize(image: host.Plugin, shape: tuple[int, ...], dtype: str, name: str) -> None:
    if name == "linear_exact" and dtype == "float32":
        return
    x = picture(shape, dtype)
    for dsize in ([1, 1], [5, 7], [shape[1], shape[0]], [2 * shape[1], 3 * shape[0]], [40, 3]):
        y = compute(image, "cpp.resize", {"dsize": dsize, "interpolation": name}, image=x)
        assert y.shape == (dsize[1], dsize[0], *shape[2:])
        assert_near(y, cv2.resize(x, dsize, interpolation=INTERPOLATIONS[name]), 1e-5)


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_half_the_size(image: host.Plugin, dtype: str, channels: int) -> None:
    for width in (1, 2, 15, 16, 17, 31, 33, 63, 64, 65, 129, 200):
        x = picture((14, 2 * width, channels), dtype)
        for name in ("linear", "area"):
            parameters = {"dsize": [width, 7], "interpolation": name}
            y = compute(image, "cpp.resize", parameters, image=x)
            expected = cv2.resize(x, (width, 7), interpolation=INTERPOLATIONS[name])
            assert_near(y, expected.reshape(y.shape), 1e-5)


@pytest.mark.parametrize(("fx", "fy"), [(0.5, 0.5), (0.3, 0.7), (2, 1.5), (1.26, 0.51)])
def test_resize_by_factors(image: host.Plugin, fx: float, fy: float) -> None:
    x = picture((35, 50, 3), "uint8")
    for name, flag in INTERPOLATIONS.items():
        parameters = {"fx": fx, "fy": fy, "interpolation": name}
        y = compute(image, "cpp.resize", parameters, image=x)
        assert_near(y, cv2.resize(x, None, fx=fx, fy=fy, interpolation=flag))


@pytest.mark.parametrize("border", BORDERS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
def test_blur(image: host.Plugin, shape: tuple[int, ...], dtype: str, border: str) -> None:
    x = picture(shape, dtype)
    flag = BORDERS[border]
    for ksize in ([1, 1], [3, 3], [2, 5], [21, 4]):
        y = compute(image, "cpp.blur", {"ksize": ksize, "border": border}, image=x)
        assert_near(y, cv2.blur(x, ksize, borderType=flag))
    for size, sigma in ((3, 0), (0, 1.2), (9, 3), ([1, 7], [0, 2.5]), ([0, 5], [0.7, 0])):
        parameters = {"ksize": size, "sigma": sigma, "border": border}
        y = compute(image, "cpp.gaussian_blur", parameters, image=x)
        ksize = size if isinstance(size, list) else [size, size]
        sigmas = sigma if isinstance(sigma, list) else [sigma, sigma]
        assert_near(y, cv2.GaussianBlur(x, ksize, sigmas[0], None, sigmas[1], flag))


@pytest.mark.parametrize("border", BORDERS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("dx", "dy", "ksize"), [(1, 0, 3), (0, 1, 5), (1, 1, 1), (2, 0, 7)])
def test_sobel(image: host.Plugin, dx: int, dy: int, ksize: int, dtype: str, border: str) -> None:
    depths = {"same": -1, "float32": cv2.CV_32F, "float64": cv2.CV_64F}
    if dtype == "uint8":
        depths["int16"] = cv2.CV_16S
    for shape in SHAPES:
        x = picture(shape, dtype)
        for name, depth in depths.items():
            parameters = {"dx": dx, "dy": dy, "ksize": ksize, "ddepth": name, "border": border}
            y = compute(image, "cpp.sobel", parameters | {"scale": 0.5, "delta": 3}, image=x)
            expected = cv2.Sobel(
                x, depth, dx, dy, ksize=ksize, scale=0.5, delta=3, borderType=BORDERS[border]
            )
            assert_near(y, expected)


def result(plugin: host.Plugin, algorithm: str, parameters: dict[str, Any], x: Array) -> Any:
    run = plugin.run(algorithm, json.dumps(parameters), {"image": Tensor(x)}, allocate)
    assert run.result is not None
    return json.loads(run.result)


@pytest.mark.parametrize("name", ["binary", "binary_inv", "trunc", "tozero", "tozero_inv"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_threshold(image: host.Plugin, dtype: str, name: str) -> None:
    flag = getattr(cv2, f"THRESH_{name.upper()}")
    for shape in SHAPES:
        x = picture(shape, dtype)
        level = float(x.mean()) + 0.3
        parameters = {"thresh": level, "maxval": 200, "type": name}
        expected_level, expected = cv2.threshold(x, level, 200, flag)
        y = compute(image, "cpp.threshold", parameters, image=x)
        np.testing.assert_array_equal(y, expected.reshape(y.shape))
        assert result(image, "cpp.threshold", parameters, x) == {"thresh": expected_level}


@pytest.mark.parametrize(
    ("method", "dtype"), [("otsu", "uint8"), ("otsu", "uint16"), ("triangle", "uint8")]
)
def test_found_thresholds(image: host.Plugin, method: str, dtype: str) -> None:
    top = np.iinfo(dtype).max
    for shape in [(1, 1), (40, 50), (127, 33)]:
        x = (picture(shape, dtype) // 4 * (1 + 2 * (picture(shape, "uint8", 1) > 160))).astype(
            dtype
        )
        flag = cv2.THRESH_BINARY | getattr(cv2, f"THRESH_{method.upper()}")
        level, expected = cv2.threshold(x, 0, top, flag)
        parameters = {"method": method, "maxval": int(top)}
        np.testing.assert_array_equal(
            compute(image, "cpp.threshold", parameters, image=x), expected
        )
        assert result(image, "cpp.threshold", parameters, x) == {"thresh": level}


@pytest.mark.parametrize(
    "op", ["erode", "dilate", "open", "close", "gradient", "tophat", "blackhat"]
)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
def test_morphology(image: host.Plugin, shape: tuple[int, ...], dtype: str, op: str) -> None:
    x = picture(shape, dtype)
    kernels = [
        ("rect", [3, 3], 1),
        ("cross", [5, 3], 1),
        ("rect", [2, 4], 3),
        ("ellipse", [7, 5], 2),
    ]
    for kernel, ksize, iterations in kernels:
        element = cv2.getStructuringElement(getattr(cv2, f"MORPH_{kernel.upper()}"), ksize)
        parameters = {"op": op, "shape": kernel, "ksize": ksize, "iterations": iterations}
        y = compute(image, "cpp.morphology", parameters, image=x)
        flag = getattr(cv2, f"MORPH_{op.upper()}")
        expected = cv2.morphologyEx(x, flag, element, iterations=iterations)
        np.testing.assert_array_equal(y, expected.reshape(y.shape))


@pytest.mark.parametrize("connectivity", [4, 8])
@pytest.mark.parametrize("shape", [(1, 1), (2, 3), (31, 33), (128, 200), (1, 500), (257, 1)])
def test_connected_components(
    image: host.Plugin, shape: tuple[int, int], connectivity: int
) -> None:
    for share in (0.0, 0.3, 0.6, 0.9):
        x = (picture(shape, "float32") < share).astype("uint8") * 200
        got = outputs(image, "cpp.connected_components", {"connectivity": connectivity}, image=x)
        count, labels, stats, centroids = cv2.connectedComponentsWithStats(
            x, connectivity=connectivity
        )
        assert got["stats"].shape == (count, 5)
        # Another order of the labels: the one that maps ours to cv2's, from any pixel of each.
        pairs = np.unique(np.stack([got["labels"].ravel(), labels.ravel()]), axis=1)
        assert pairs.shape[1] == len(np.unique(labels))
        np.testing.assert_array_equal(got["stats"][pairs[0]], stats[pairs[1]])
        np.testing.assert_allclose(got["centroids"][pairs[0]], centroids[pairs[1]], rtol=1e-12)


def swapped(x: Any) -> Array:
    """From cv2's blue, green, red to red, green, blue, or back."""
    if x.ndim == 2:
        return x
    order = [2, 1, 0, 3][: x.shape[2]]
    return np.ascontiguousarray(x[:, :, order])


class File(Tensor):
    """A file as an input."""

    media_type = ""

    @property
    def dtype(self) -> int:
        return host.DTYPES["bytes"]


def decode(image: host.Plugin, data: bytes, **parameters: Any) -> Array:
    tensor = File(np.frombuffer(data, "uint8"))
    run = image.run("cpp.image_decode", json.dumps(parameters), {"image": tensor}, allocate)
    y = run.outputs["y"]
    dtype = next(name for name, number in host.DTYPES.items() if number == y.dtype)
    return np.frombuffer(y.data, dtype).reshape(y.shape)


def encode(image: host.Plugin, x: Array, **parameters: Any) -> bytes:
    run = image.run("cpp.image_encode", json.dumps(parameters), {"image": Tensor(x)}, allocate)
    return bytes(run.outputs["y"].data)


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (33, 65, 3), (16, 7, 4)])
def test_png(image: host.Plugin, shape: tuple[int, ...], dtype: str) -> None:
    x = picture(shape, dtype)
    np.testing.assert_array_equal(decode(image, cv2.imencode(".png", swapped(x))[1].tobytes()), x)
    for compression in (0, 1, 9):
        data = encode(image, x, compression=compression)
        back = cv2.imdecode(np.frombuffer(data, "uint8"), cv2.IMREAD_UNCHANGED)
        np.testing.assert_array_equal(swapped(back), x)


@pytest.mark.parametrize("quality", [1, 50, 95, 100])
@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (33, 65, 3), (64, 16, 3)])
def test_jpeg(image: host.Plugin, shape: tuple[int, ...], quality: int) -> None:
    x = picture((2, 2, *shape[2:]), "uint8")
    x = cv2.resize(x, (shape[1], shape[0]))  # smooth, as pictures are
    quality_flag = [cv2.IMWRITE_JPEG_QUALITY, quality]
    theirs = cv2.imencode(".jpg", swapped(x), quality_flag)[1]
    expected = swapped(cv2.imdecode(theirs, cv2.IMREAD_UNCHANGED))
    assert_near(decode(image, theirs.tobytes()), expected)
    ours = np.frombuffer(encode(image, x, format="jpeg", quality=quality), "uint8")
    assert_near(swapped(cv2.imdecode(ours, cv2.IMREAD_UNCHANGED)), expected)


@pytest.mark.parametrize("extension", [".png", ".jpg"])
@pytest.mark.parametrize("shape", [(9, 12), (9, 12, 3), (9, 12, 4)])
def test_modes(image: host.Plugin, shape: tuple[int, ...], extension: str) -> None:
    x = picture(shape, "uint8")
    data = cv2.imencode(extension, x)[1]
    color = cv2.imdecode(data, cv2.IMREAD_COLOR)
    assert_near(decode(image, data.tobytes(), mode="color"), swapped(color))
    gray = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE)
    assert_near(decode(image, data.tobytes(), mode="gray"), gray)


def test_files_in_and_out(image: host.Plugin) -> None:
    x = picture((20, 30, 3), "uint8")
    data = File(np.frombuffer(encode(image, x), "uint8"))
    parameters = json.dumps({"ksize": 5, "format": "png"})
    run = image.run("cpp.gaussian_blur", parameters, {"image": data}, allocate)
    got = decode(image, bytes(run.outputs["y"].data))
    np.testing.assert_array_equal(got, compute(image, "cpp.gaussian_blur", {"ksize": 5}, image=x))


@pytest.mark.parametrize("data", [b"GIF89a", b"\x89PNG", b"\xff\xd8\xff", b"\0" * 100])
def test_other_files_are_refused(image: host.Plugin, data: bytes) -> None:
    with pytest.raises(host.PluginInvalidInput) as refused:
        decode(image, data)
    assert list(refused.value.fields) == ["inputs.image"]


def test_a_file_that_claims_too_much_is_refused(image: host.Plugin) -> None:
    def chunk(kind: bytes, body: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + body))
        return struct.pack(">I", len(body)) + kind + body + check

    header = struct.pack(">IIBBBBB", 1 << 24, 1 << 24, 16, 6, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 99))
    with pytest.raises(host.PluginInvalidInput, match="max_pixels"):
        decode(image, data)
    header = struct.pack(">IIBBBBB", 9000, 9000, 16, 6, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 99))
    with pytest.raises(host.PluginInvalidInput, match="cut short"):
        decode(image, data)


@pytest.mark.parametrize(
    ("algorithm", "parameters", "field"),
    [
        ("cpp.resize", {"dsize": [5]}, "parameters.dsize"),
        ("cpp.resize", {"dsize": [0, 5]}, "parameters.dsize"),
        ("cpp.resize", {"dsize": [1 << 31, 5]}, "parameters.dsize[0]"),
        ("cpp.resize", {"fx": -1, "fy": 1}, "parameters.fx"),
        ("cpp.resize", {"fx": 1}, "parameters.fy"),
        ("cpp.resize", {"dsize": [2, 2], "interpolation": 1}, "parameters.interpolation"),
        ("cpp.blur", {}, "parameters.ksize"),
        ("cpp.blur", {"ksize": 1 << 40}, "parameters.ksize"),
        ("cpp.gaussian_blur", {}, "parameters.ksize"),
        ("cpp.gaussian_blur", {"sigma": 1e308}, "parameters.sigma"),
        ("cpp.gaussian_blur", {"ksize": [3, 2]}, "parameters.ksize"),
        ("cpp.blur", {"ksize": 3, "border": "wrap"}, "parameters.border"),
        ("cpp.sobel", {}, "parameters.dx"),
        ("cpp.sobel", {"dx": 1, "ddepth": "uint16"}, "parameters.ddepth"),
        ("cpp.threshold", {}, "parameters.thresh"),
        ("cpp.threshold", {"thresh": 1e300}, "parameters.thresh"),
        ("cpp.threshold", {"method": "otsu"}, "inputs.image"),
        ("cpp.morphology", {}, "parameters.op"),
        ("cpp.morphology", {"op": "open", "iterations": 0}, "parameters.iterations"),
        ("cpp.morphology", {"op": "open", "ksize": [2000, 1]}, "parameters.ksize"),
        ("cpp.connected_components", {}, "inputs.image"),
        ("cpp.image_encode", {"format": "jpeg", "quality": 0}, "parameters.quality"),
        ("cpp.image_encode", {"format": "tiff"}, "parameters.format"),
    ],
)
def test_what_is_refused(
    image: host.Plugin, algorithm: str, parameters: dict[str, Any], field: str
) -> None:
    with pytest.raises(host.PluginInvalidInput) as refused:
        outputs(image, algorithm, parameters, image=picture((4, 5, 3), "uint8"))
    assert list(refused.value.fields) == [field]


@pytest.mark.parametrize("shape", [(3,), (2, 2, 2, 2), (2, 2, 600), (0, 3)])
def test_shapes_that_are_no_image(image: host.Plugin, shape: tuple[int, ...]) -> None:
    with pytest.raises(host.PluginInvalidInput) as refused:
        compute(image, "cpp.blur", {"ksize": 3}, image=np.zeros(shape, "uint8"))
    assert list(refused.value.fields) == ["inputs.image"]
