"""A first request, what it gives, and what is refused."""

from __future__ import annotations

import math

import numpy as np
import pytest

from edgemesh_client import (
    Blob,
    Client,
    ConfigurationError,
    Crashed,
    DeadlineExceeded,
    InvalidRequest,
    LimitPassed,
    NotFound,
    Outcome,
    ProgramExited,
    ProgramRaised,
    TimeLimit,
    ValueUnfit,
)

WAVE = np.sin(np.arange(64) * 2 * np.pi / 8)


@pytest.mark.needs("cpp")
def test_arrays_are_inputs_and_all_else_parameters(client: Client) -> None:
    result = client.compute("cpp.fft", x=WAVE, norm="ortho")
    np.testing.assert_allclose(result.value, np.fft.fft(WAVE, norm="ortho"), atol=1e-12)
    assert result.value is result["y"]
    assert (result.outcome, result.algorithm) == (Outcome.OK, "cpp.fft@1")
    assert result.usage.executor == "cpp"
    assert result.usage.run_us > 0


@pytest.mark.needs("cpp")
def test_several_outputs_are_a_dict(client: Client) -> None:
    matrix = np.arange(6.0).reshape(3, 2, order="F")
    parts = client.compute("cpp.svd", a=matrix, full_matrices=np.False_).value
    np.testing.assert_allclose((parts["u"] * parts["s"]) @ parts["vh"], matrix, atol=1e-12)


@pytest.mark.needs("ml")
def test_outputs_and_result_are_one_value(client: Client) -> None:
    told = client.compute("ml.embed", texts=["a lighthouse", "the sea"])
    assert told.outputs["embeddings"].shape == (2, 384)  # pyright: ignore[reportAttributeAccessIssue]


@pytest.mark.needs("pywasm")
def test_a_program_has_inputs_prints_and_gives_any_value(client: Client) -> None:
    code = (
        "print(sum(inputs['xs']))\noutput = {'mean': inputs['xs'].mean(), 'tail': inputs['xs'][1:]}"
    )
    result = client.run(code, inputs={"xs": np.array([1.0, 2.0, 6.0])})
    assert result.stdout == "9.0\n"
    assert result.value["mean"] == 3.0
    np.testing.assert_array_equal(result.value["tail"], [2.0, 6.0])


@pytest.mark.needs("pywasm")
def test_pictures_and_files_are_outputs_that_a_notebook_shows(client: Client) -> None:
    code = (
        "import matplotlib.pyplot as plt\nplt.plot([1, 2])\n"
        "open('/outputs/t.csv', 'w').write('a,b')\nprint('<b>')\n{'n': 1}"
    )
    result = client.run(code)
    assert result.value == {"n": 1}
    figure, table = result["figure-1"], result["t.csv"]
    assert isinstance(figure, Blob)
    assert figure.media_type == "image/png"
    assert bytes(table) == b"a,b"
    html = result._repr_html_()  # pyright: ignore[reportPrivateUsage]
    assert 'src="data:image/png;base64,' in html
    assert "&lt;b&gt;" in html


@pytest.mark.needs("pywasm")
@pytest.mark.parametrize(
    ("code", "kind", "type_"),
    [
        ("print('before'); 1 / 0", ProgramRaised, "ZeroDivisionError"),
        ("print('before'); raise SystemExit(3)", ProgramExited, ""),
        ("print('before')\nwhile True: pass", TimeLimit, ""),
        ("print('before'); bytearray(1 << 30)", LimitPassed, ""),
        ("import os; print('before', flush=True); os.abort()", Crashed, ""),
    ],
)
def test_an_outcome_other_than_ok_raises_with_what_was_printed(
    client: Client, code: str, kind: type[ProgramRaised], type_: str
) -> None:
    with pytest.raises(kind) as raised:
        client.run(code, limits={"run_time_ms": 500})
    assert raised.value.result.stdout.startswith("before")
    assert type_ in str(raised.value)
    unchecked = client.run(code, limits={"run_time_ms": 500}, check=False)
    assert not unchecked.ok
    assert unchecked.outcome is raised.value.result.outcome


@pytest.mark.needs("pywasm")
def test_a_failure_has_traceback_notes_and_group(client: Client) -> None:
    code = (
        "def f():\n    e = ExceptionGroup('two', [ValueError('a'), KeyError('b')])\n"
        "    e.add_note('a note')\n    raise e\nf()"
    )
    failure = client.run(code, check=False).failure
    assert failure is not None
    assert [each.type for each in failure.exceptions] == ["ValueError", "KeyError"]
    assert failure.notes == ("a note",)
    assert "line 4, in f" in failure.traceback


@pytest.mark.needs("cpp")
def test_a_refusal_names_reason_and_field(client: Client) -> None:
    with pytest.raises(InvalidRequest) as refused:
        client.compute("cpp.fft", x=WAVE, norm="loud")
    assert (refused.value.code, refused.value.reason) == ("INVALID_ARGUMENT", "INVALID_PARAMETER")
    assert "ortho" in refused.value.fields["parameters.norm"]
    assert "parameters.norm" in str(refused.value)
    with pytest.raises(InvalidRequest) as refused:
        client.compute("cpp.fft", x=WAVE.astype(np.int8))
    assert "not int8" in refused.value.fields["inputs.x.dtype"]


@pytest.mark.needs("cpp")
def test_an_algorithm_that_is_not_there_has_near_ones(client: Client) -> None:
    with pytest.raises(NotFound, match=r"cpp\.fft") as refused:
        client.compute("cpp.ffft", x=WAVE)
    assert refused.value.reason == "UNKNOWN_ALGORITHM"


def test_what_cannot_be_sent_is_told_before_it_is(client: Client) -> None:
    with pytest.raises(ValueUnfit, match=r"^input 'x' is an array of dtype <U1"):
        client.compute("cpp.fft", x=np.array(["a"]))
    with pytest.raises(ValueUnfit, match=r"^s\[0\] is nan, which JSON has not"):
        client.compute("cpp.fft", x=WAVE, s=[math.nan])
    with pytest.raises(ValueUnfit, match=r"^inputs\['a'\]\[1\] is of type builtins.object"):
        client.run("1", inputs={"a": [1, object()]})
    with pytest.raises(ConfigurationError, match="run_time_ms, cpu_ms"):
        client.run("1", limits={"time": 1})  # type: ignore[typeddict-item]
    with pytest.raises(ConfigurationError, match=r"^priority: realtime, interactive or batch"):
        client.compute("cpp.fft", x=WAVE, priority="now")  # type: ignore[arg-type]


@pytest.mark.needs("pywasm")
def test_a_callers_patience_ends_the_call(client: Client) -> None:
    # The work's own time is a little less than the caller's, so what it printed comes back.
    with pytest.raises(TimeLimit) as ended:
        client.run("print('so far')\nwhile True: pass", timeout=1.0)
    assert ended.value.result.stdout == "so far\n"
    with pytest.raises(DeadlineExceeded):
        client.compute("python.run", code="1", timeout=1e-9)


@pytest.mark.needs("cpp", "pywasm")
def test_what_can_be_computed(client: Client) -> None:
    by_name = {each.name: each for each in client.algorithms()}
    fft = by_name["cpp.fft"]
    assert fft.parameters["properties"]["norm"]["enum"] == ["backward", "ortho", "forward"]
    assert [(each.name, each.required) for each in fft.inputs] == [("x", True)]
    assert "complex128" in fft.outputs[0].dtypes
    assert {each.executor for each in client.algorithms("python")} == {"pywasm"}
    assert client.algorithm("cpp.fft@1") == fft
