"""The languages of pages: one catalogue for every string, complete in Spanish, numbers as written there."""

from __future__ import annotations

import re
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po

from borderwatch.errors import UsageError
from borderwatch.models import Kind
from borderwatch.render import language as lang
from borderwatch.render import words as w
from borderwatch.render import write_pages
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


def test_every_string_is_translated_into_spanish() -> None:
    forms = {m.id: m.string if isinstance(m.string, tuple) else (m.string,) for m in held("es") if m.id}
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
