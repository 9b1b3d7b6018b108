"""What a notebook shows: results, jobs, progress, and work while it goes on."""

from __future__ import annotations

from typing import Any

import pytest

from edgemesh_client import Client, JobState, ProgramRaised, Progress, Result, Text, watch
from edgemesh_client.watch import View


class Notebook:
    """Keeps what it is shown, as IPython's display does, in one place."""

    def __init__(self) -> None:
        self.pages: list[str] = []

    def __call__(self, obj: Any) -> Notebook:
        self.update(obj)
        return self

    def update(self, obj: Any) -> None:
        self.pages.append(obj._repr_html_())


def html_of(shown: Any) -> str:
    return shown._repr_html_()


def test_progress_is_a_bar() -> None:
    page = html_of(Progress(0.25, "<reading>"))
    assert '<progress value="0.2500" max="1"' in page
    assert "25% &lt;reading&gt;" in page
    assert 'value="1.0000"' in html_of(Progress(7.0))


@pytest.mark.needs("pywasm")
def test_a_result_shows_what_it_printed_and_gave(client: Client) -> None:
    page = html_of(client.run("print('<b>')\n6 * 7"))
    assert "<code>python.run@" in page
    assert "&lt;b&gt;" in page
    assert "<pre>42</pre>" in page


@pytest.mark.needs("pywasm")
def test_a_job_is_a_small_table(client: Client) -> None:
    job = client.submit("python.run", code="1")
    assert job.wait(30).state is JobState.SUCCEEDED
    page = html_of(job)
    assert job.id in page
    assert "SUCCEEDED" in page
    assert page == html_of(job.info)


@pytest.mark.needs("pywasm")
def test_a_stream_is_shown_while_it_goes_on(client: Client) -> None:
    notebook = Notebook()
    stream = client.stream("python.run", code="print('so far', flush=True)\n'end'")
    assert watch(stream, show=notebook).value == "end"
    assert notebook.pages[0] == "<div>…</div>"
    assert "end" in notebook.pages[-1]


@pytest.mark.needs("pywasm")
def test_a_job_is_watched_to_its_end(client: Client) -> None:
    notebook = Notebook()
    job = client.submit("python.run", code="print('in the job')\n'end'")
    assert watch(job, show=notebook).value == "end"
    assert "in the job" in notebook.pages[-1]


@pytest.mark.needs("pywasm")
def test_a_failure_is_shown_and_raised(client: Client) -> None:
    notebook = Notebook()
    with pytest.raises(ProgramRaised):
        watch(client.stream("python.run", code="1 / 0"), show=notebook)
    assert "ZeroDivisionError" in notebook.pages[-1]


@pytest.mark.needs("pywasm")
def test_a_terminal_gets_the_text(client: Client, capsys: pytest.CaptureFixture[str]) -> None:
    result = watch(client.stream("python.run", code="print('hello')\n7"))
    assert isinstance(result, Result)
    assert result.value == 7
    assert capsys.readouterr().out == "hello\n"


def test_events_so_far_are_one_page() -> None:
    view = View()
    for event in (Progress(0.5, "half"), Text("printed\n"), Text("wrong\n", stderr=True)):
        view.tell(event)
    page = html_of(view)
    assert page.index("half") < page.index("printed") < page.index("wrong")
