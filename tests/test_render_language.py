"""The languages of pages: one catalogue for every string, complete in each, numbers as written there."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from gettext import NullTranslations
from html.parser import HTMLParser
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po

from borderwatch.errors import UsageError
from borderwatch.models import Fault, Kind
from borderwatch.render import language as lang
from borderwatch.render import words as w
from borderwatch.render import write_index, write_pages, write_site
from borderwatch.render.language import speaking
from borderwatch.settings import LANGUAGES
from tests import render_samples as samples

ROOT = Path(__file__).parent.parent
TRANSLATED = [tag for tag in lang.LANGUAGES if tag != "en"]


def held(tag: str) -> Catalog:
    with (ROOT / "borderwatch" / "render" / "locale" / f"{tag}.po").open("rb") as file:
        return read_po(file, locale=tag)


def test_settings_offer_the_languages_there_are() -> None:
    assert tuple(lang.LANGUAGES) == LANGUAGES


@pytest.mark.parametrize("tag", TRANSLATED)
def test_a_catalogue_holds_exactly_the_strings_of_the_pages(tag: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    import messages

    extracted = messages.extracted()
    in_pages = {(m.context, m.id) for m in extracted if m.id}
    assert {(m.context, m.id) for m in held(tag) if m.id} == in_pages, "run python scripts/messages.py"
    sys.modules.pop("messages", None)


@pytest.mark.parametrize("tag", TRANSLATED)
def test_every_string_is_translated(tag: str) -> None:
    forms = {m.id: m.string if isinstance(m.string, tuple) else (m.string,) for m in held(tag) if m.id}
    assert [message for message, translated in forms.items() if not all(translated)] == []


@pytest.mark.parametrize("tag", TRANSLATED)
def test_a_translation_takes_the_values_its_message_takes(tag: str) -> None:
    wrong = [(m.id, [str(e) for e in m.check(held(tag))]) for m in held(tag) if m.id and m.string]
    assert [one for one in wrong if one[1]] == []


@pytest.mark.parametrize("tag", TRANSLATED)
def test_navigation_is_in_every_language(tag: str) -> None:
    with speaking(tag):
        for message in ("Skip to the content", "All disputes"):
            assert lang.gettext(message) != message


def test_numbers_dates_and_owners_are_written_as_the_language_writes_them() -> None:
    when = datetime(2019, 8, 31, 7, 5, tzinfo=UTC)
    assert (w.number(27_043.2), w.number(5.5), w.day(when)) == ("27,043", "5.5", "2019-08-31")
    assert w.owner_label("UA") == "Ukraine (UA)"
    with speaking("es"):
        assert (w.number(27_043.2), w.number(5.5), w.number(0.0314)) == ("27.043", "5,5", "0,031")
        assert w.day(when) == "31 ago 2019"
        assert w.moment(when) == "31 ago 2019 07:05 UTC"
        assert w.owner_label("UA") == "Ucrania (UA)"
        assert w.owner_label(None) == "nadie"
        assert w.KIND_WORDS[Kind.TRANSFER][0] == "Transferencia"
        assert w.percent(0.001) == "menos del 1 %"
    assert w.owner_label("UA") == "Ukraine (UA)"


def test_a_page_says_in_which_language_it_is(tmp_path: Path) -> None:
    with speaking("es"):
        text = write_pages([samples.changed_page()], tmp_path, made_at=samples.MADE)[0].read_text(encoding="utf-8")
    assert '<html lang="es">' in text
    assert "Ir al contenido" in text
    assert "Skip to the content" not in text


def test_a_language_without_a_catalogue_is_refused_with_the_choices() -> None:
    with pytest.raises(UsageError, match="en, es, fr, id"), speaking("xx"):
        pass
    assert lang.spoken() == "en"


def test_no_message_hides_in_an_f_string() -> None:
    """Before Python 3.12 an f-string is one token, so the extraction does not see what stands in it."""
    sources = (ROOT / "borderwatch" / "render").glob("*.py")
    hidden = {path.name: re.findall(r"\{n?_?(?:gettext|_)\(", path.read_text(encoding="utf-8")) for path in sources}
    assert {name: found for name, found in hidden.items() if found} == {}


class Pseudo(NullTranslations):
    """Marks every message, so that what is not marked is outside the catalogue."""

    def gettext(self, message: str) -> str:
        return f"⟦{message}⟧"

    def ngettext(self, one: str, many: str, n: int) -> str:
        return f"⟦{one if n == 1 else many}⟧"

    def pgettext(self, context: str, message: str) -> str:
        return f"⟦{message}⟧"


class Unmarked(HTMLParser):
    """Texts with letters in them that no message made, outside the elements that hold what is not ours to translate."""

    DATA = frozenset({"bdi", "code", "pre", "time", "script", "style"})
    VOID = frozenset({"meta", "link", "input", "br", "wbr", "img", "hr"})
    NAMES = frozenset({"borderwatch", "JSON", "Atom", "sha256", "km", "UTC", "index.json", "B"})

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.stack: list[str] = []
        self.found: list[str] = []
        self.depth = 0
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in {"aria-label", "alt", "placeholder", "data-label", "data-hint", "data-done"} and value:
                self.check(value)
        if tag not in self.VOID:
            self.stack.append(tag)

    def handle_endtag(self, tag: str) -> None:
        while self.stack and self.stack.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if not self.DATA & set(self.stack):
            self.check(data)

    def check(self, text: str) -> None:
        left = ""
        for character in text:
            self.depth += (character == "⟦") - (character == "⟧")
            left += character if self.depth == 0 and character not in "⟦⟧" else " "
        left = re.sub(r"\d{1,2} [a-z]{3} \d{4}|km²", "", left)
        words = [word for word in re.findall(r"[^\W\d_][\w.]*", left) if word not in self.NAMES]
        if words:
            self.found.append(text.strip())


def test_no_string_of_the_pages_is_outside_the_catalogue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = samples.changed_page()
    renamed = replace(
        page.changes[0], id="c" * 16, kind=Kind.RENAMED, geometry=None, old="a", new="b", reverts="a" * 16
    )
    page = replace(page, changes=(*page.changes, renamed))
    down = samples.card("down", last_success=None, fault=Fault("rate_limited", "asked to wait"))
    w._owner_label.cache_clear()
    monkeypatch.setattr(lang, "catalogue", lambda _tag: Pseudo())
    try:
        with speaking("es"):
            sources = [samples.card(every=timedelta(days=7)), down, samples.card("silent", last_success=None)]
            write_index([page, samples.empty_page()], sources, tmp_path, made_at=samples.MADE)
            write_site([page], sources, tmp_path, made_at=samples.MADE)
    finally:
        w._owner_label.cache_clear()
    pages = [tmp_path / "index.html", *sorted((tmp_path / "changes").glob("*.html"))]
    assert len(pages) == 4
    found = {path.name: Unmarked(path.read_text(encoding="utf-8")).found for path in pages}
    data = {
        "The Square",
        "Not asked yet",
        "Atlas of the World",
        "Ukraine",
        "Russia",
        "atlas",
        "coarse",
        "elsewhere",
        "down",
        "silent",
    }
    left = {name: [t for t in texts if not any(word in t for word in data)] for name, texts in found.items()}
    assert {name: texts for name, texts in left.items() if texts} == {}
