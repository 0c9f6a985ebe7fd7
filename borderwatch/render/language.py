"""The language pages speak: gettext catalogues of the package, and dates and numbers as that language writes them.

English is the language of the source, so it needs no catalogue. A catalogue is ``locale/<tag>.po``; it is compiled when
first used (10 ms for 400 messages), so that no binary file can disagree with the text people review. A message that a
catalogue leaves untranslated is shown in English. ``scripts/messages.py`` brings the catalogues up to date.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import cache
from gettext import GNUTranslations, NullTranslations
from importlib.resources import files
from typing import TypeVar

from borderwatch.errors import UsageError

LANGUAGES: Mapping[str, str] = {"en": "English", "es": "Español", "fr": "Français", "id": "Bahasa Indonesia"}
"""BCP 47 tag → the language's own name. Complete: en, es; navigation at least: fr, id."""

_spoken: ContextVar[str] = ContextVar("borderwatch_language", default="en")

K = TypeVar("K")


@contextmanager
def speaking(tag: str) -> Iterator[None]:
    """Everything rendered inside the block is in this language; UsageError names the choices."""
    if tag not in LANGUAGES:
        raise UsageError(f"no pages in {tag!r}; the languages are: {', '.join(LANGUAGES)}")
    token = _spoken.set(tag)
    try:
        yield
    finally:
        _spoken.reset(token)


def spoken() -> str:
    """The tag of the language being rendered."""
    return _spoken.get()


@cache
def catalogue(tag: str) -> NullTranslations:
    """The messages of a language; none for English."""
    import io

    from babel.messages.mofile import write_mo
    from babel.messages.pofile import read_po

    if tag == "en":
        return NullTranslations()
    compiled = io.BytesIO()
    with (files("borderwatch.render") / "locale" / f"{tag}.po").open("rb") as file:
        write_mo(compiled, read_po(file, locale=tag))
    compiled.seek(0)
    return GNUTranslations(compiled)


def gettext(message: str) -> str:
    """``message`` in the language spoken. Imported as ``_``, which is what the extraction looks for."""
    return catalogue(spoken()).gettext(message) if message else ""


def ngettext(one: str, many: str, number: int) -> str:
    """The form of the message that goes with ``number``; it may hold ``%(n)s``."""
    return catalogue(spoken()).ngettext(one, many, number)


def pgettext(context: str, message: str) -> str:
    """``message`` where English has one word for two things: ``context`` tells them apart."""
    return catalogue(spoken()).pgettext(context, message)


def N_(message: str) -> str:  # noqa: N802 - the name gettext tools know
    """Marks a message for extraction where it is not to be translated yet."""
    return message


class Spoken(Mapping[K, str]):
    """A vocabulary whose words are given in the language spoken when they are asked for."""

    def __init__(self, words: Mapping[K, str]) -> None:
        self._words = words

    def __getitem__(self, key: K) -> str:
        return gettext(self._words[key])

    def __iter__(self) -> Iterator[K]:
        return iter(self._words)

    def __len__(self) -> int:
        return len(self._words)


class SpokenPairs(Mapping[K, tuple[str, str]]):
    """The same for a word and what it means."""

    def __init__(self, words: Mapping[K, tuple[str, str]]) -> None:
        self._words = words

    def __getitem__(self, key: K) -> tuple[str, str]:
        word, meaning = self._words[key]
        return gettext(word), gettext(meaning)

    def __iter__(self) -> Iterator[K]:
        return iter(self._words)

    def __len__(self) -> int:
        return len(self._words)


# --- dates, numbers, names of places ---------------------------------------------------------------


def day(when: datetime) -> str:
    """A date: ISO 8601 in English, which readers of English write in too many orders; else as the language does."""
    when = when.astimezone(UTC)
    if spoken() == "en":
        return f"{when:%Y-%m-%d}"
    from babel.dates import format_date

    return str(format_date(when, "medium", locale=spoken()))


def moment(when: datetime) -> str:
    """A date and a time, UTC."""
    return f"{day(when)} {when.astimezone(UTC):%H:%M} UTC"


def decimal(value: float, pattern: str = "#,##0") -> str:
    """A number by a CLDR pattern: ``#,##0.0`` has one decimal, ``@@`` two significant digits."""
    from babel.numbers import format_decimal

    return str(format_decimal(value, pattern, locale=spoken()))


def count(value: int) -> str:
    """How many."""
    return decimal(value)


def territory(code: str) -> str | None:
    """CLDR's name of an ISO 3166-1 code in the language spoken; None for English, where ``owners`` has it."""
    if spoken() == "en":
        return None
    from babel import Locale

    name = Locale.parse(spoken()).territories.get(code)
    return None if name is None else str(name)
