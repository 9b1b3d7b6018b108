"""Makes crate/tests/golden/chats.json: conversations as transformers renders them.

    pip install transformers==5.24.0
    python tests/golden/make_chats.py

`templates/` holds templates as models have them. A conversation that a template refuses is null.
"""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

import jinja2
from transformers.utils import chat_template_utils

HERE = Path(__file__).parent
TARGET = HERE.parents[1] / "crate" / "tests" / "golden" / "chats.json"
NOW = datetime.datetime(2026, 3, 4, 5, 6, 7)


class Then(datetime.datetime):
    """A clock that stands still."""

    @classmethod
    def now(cls, tz: Any = None) -> datetime.datetime:
        """Always NOW."""
        return NOW


def said(*turns: str) -> list[dict[str, str]]:
    """Turns, each a role's first letter and what it said."""
    roles = {"s": "system", "u": "user", "a": "assistant"}
    return [{"role": roles[turn[0]], "content": turn[1:]} for turn in turns]


CONVERSATIONS: list[tuple[list[dict[str, str]], dict[str, Any]]] = [
    (said("uHello"), {}),
    (said("sBe brief.", "uHello"), {}),
    (said("uHi", "aHello! How can I help?", "uName a colour."), {}),
    (said("sBe brief.", "uHi", "aYes?", "uA colour?", "aBlue.", "uWhy?"), {}),
    (said("u  blanks before \n and behind \t\n"), {}),
    (said("u<b>\"quotes\" & 'others'</b> {{ braces }} {% tags %}", "a{}", "u\\n"), {}),
    (said("u日本語 🙂 naïve", "aé\u0301", "uÄ"), {}),
    (said("u1+1?", "a<think>\nTwo.\n</think>\n\n2", "uSure?"), {}),
    (said("uHi", "uAgain"), {}),
    (said("aI begin", "uAnd I go on"), {}),
    (said("sOne.", "sTwo.", "uHi"), {}),
    (said("uWhat day is it?"), {"date_string": "1 Jan 2020"}),
    (said("u"), {}),
]


def rendered(template: str, messages: list[dict[str, str]], more: dict[str, Any]) -> str | None:
    """A conversation, or None where the template refuses it."""
    try:
        texts, _ = chat_template_utils.render_jinja_template(
            conversations=[messages],
            chat_template=template,
            add_generation_prompt=True,
            bos_token="<s>",
            eos_token="</s>",
            **more,
        )
    except jinja2.TemplateError:
        return None
    return texts[0]


def main() -> None:
    """Make the file."""
    chat_template_utils.datetime = Then
    templates = sorted((HERE / "templates").glob("*.jinja"))
    result = {
        "now": NOW.isoformat(),
        "conversations": [{"messages": m, "extras": e} for m, e in CONVERSATIONS],
        "rendered": {
            path.stem: [rendered(path.read_text("utf-8"), m, e) for m, e in CONVERSATIONS]
            for path in templates
        },
        "dates": {code: NOW.strftime(f"%{code}") for code in "aAbBdHIjmMpSyY"},
    }
    TARGET.write_text(json.dumps(result, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    for name, texts in result["rendered"].items():
        print(name, sum(text is None for text in texts), "refused")


if __name__ == "__main__":
    main()
