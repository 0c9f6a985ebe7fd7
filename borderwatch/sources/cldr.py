"""Unicode CLDR (npm): what every country and territory is called in every language, on phones and in browsers."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from types import MappingProxyType

from borderwatch.errors import Malformed, SchemaChanged
from borderwatch.models import Reading, Row, Snapshot, Terms, View
from borderwatch.published import Dated, NpmSource

_TABLE = "release table at cldr.unicode.org/index/downloads"
_FILE = re.compile(r"main/([A-Za-z0-9-]+)/territories\.json\Z")
# The same names under a longer tag: the default script of a language (checked in 48.2, all identical).
_SAME = frozenset({
    "az-Latn", "bs-Latn", "ff-Latn", "hnj-Hmnp", "kaa-Cyrl", "kk-Cyrl", "kok-Deva", "ks-Arab", "ku-Latn", "kxv-Latn",
    "mni-Beng", "pa-Guru", "sat-Olck", "sd-Arab", "shi-Tfng", "sr-Cyrl", "su-Latn", "uz-Latn", "vai-Vaii", "yue-Hant",
    "zh-Hans",
})  # fmt: skip
# pt is Brazilian, pt-PT another written language; other regions only differ from the base now and then.
_REGIONAL = frozenset({"pt-PT"})
_ROOTS = frozenset({"root", "und"})
_KEY = re.compile(r"(?P<code>[A-Z]{2}|\d{3})(?:-alt-(?P<kind>[a-z]+))?\Z")
# Not places: unknown, the eurozone, outlying Oceania, pseudo-locales, unions.
_NOT_PLACES = frozenset({"ZZ", "EZ", "QO", "XA", "XB", "EU", "UN"})
_KINDS = frozenset({"short", "variant", "biot", "chagos"})


class Cldr(NpmSource):
    """One row per language and territory; ``-alt-short`` and ``-alt-variant`` names are rows of their kind.

    Until 42 a name nobody had translated was filled in with its code: such rows are left out, so that
    a new translation and a new file look alike.
    """

    name = "cldr"
    title = "Unicode CLDR territory names (npm)"
    watches = "what Taiwan, Palestine, Kosovo, the Falklands and every other place are called in some 260 languages"
    terms = Terms(
        licence="Unicode-3.0",
        attribution="Unicode CLDR, © Unicode, Inc.",
        url="https://www.unicode.org/license.txt",
    )
    every = timedelta(days=7)
    proven = "live: every edition in the table was captured and read"
    first_contact = "whether a new alternative (after -alt-) has come, and the date of the newest release"
    package = "cldr-localenames-full"
    dated = MappingProxyType(
        {
            "29.0.0": Dated("2016-03-16", _TABLE),
            "31.0.1": Dated("2017-04-07", _TABLE),
            "35.1.0": Dated("2019-04-17", _TABLE),
            "36.0.0": Dated("2019-10-04", _TABLE),
            "37.0.0": Dated("2020-04-23", _TABLE),
            "38.0.0": Dated("2020-10-28", _TABLE),
            "38.1.0": Dated("2020-12-17", _TABLE),
            "39.0.0": Dated("2021-04-07", _TABLE),
            "40.0.0": Dated("2021-10-27", _TABLE),
            "41.0.0": Dated("2022-04-06", _TABLE),
            "42.0.0": Dated("2022-10-19", _TABLE),
            "43.0.0": Dated("2023-04-12", _TABLE),
            "43.1.0": Dated("2023-06-15", _TABLE),
            "44.0.1": Dated("2023-10-31", _TABLE + " (44; 44.0.1 is its number on npm)"),
            "44.1.0": Dated("2023-12-13", _TABLE),
            "45.0.0": Dated("2024-04-17", _TABLE),
            "46.0.0": Dated("2024-10-24", _TABLE),
            "46.1.0": Dated("2024-12-18", _TABLE),
            "47.0.0": Dated("2025-03-13", _TABLE),
            "48.0.0": Dated("2025-10-29", _TABLE),
            "48.1.0": Dated("2026-01-08", _TABLE),
            "48.2.0": Dated("2026-05-13", "not later: OpenJDK took it in that day (8371842)"),
        }
    )

    def paths(self, view: View, version: str) -> Callable[[str], bool]:
        return _wanted

    def read(self, snapshot: Snapshot) -> Reading:
        from borderwatch.formats.features import parsed_json

        rows: list[Row] = []
        for part in snapshot.parts:
            found = _FILE.search(part.name)
            if found is None:
                raise Malformed(f"cldr: a part called {part.name!r}, not main/<language>/territories.json")
            lang = found[1]
            try:
                names = parsed_json(part.data, part.name)["main"][lang]["localeDisplayNames"]["territories"]
                pairs = [(str(key), str(name)) for key, name in names.items()]
            except (KeyError, TypeError, AttributeError):
                raise SchemaChanged(
                    f"cldr: {part.name} has no main.{lang}.localeDisplayNames.territories", words=(lang,)
                ) from None
            rows += [row for key, name in pairs if (row := _row(lang, key, name)) is not None]
        return Reading(rows=tuple(rows))


def _wanted(path: str) -> bool:
    """Is this the territory names of a base language, or of one in a script of its own?"""
    found = _FILE.match(path)
    if found is None:
        return False
    language, _, rest = found[1].partition("-")
    if language in _ROOTS or found[1] in _SAME:
        return False
    return not rest or found[1] in _REGIONAL or (len(rest) == len("Latn") and rest.isalpha())


def _row(lang: str, key: str, name: str) -> Row | None:
    parts = _KEY.match(key)
    if parts is None or parts["kind"] not in (None, *_KINDS):
        raise SchemaChanged(f"cldr: unknown key {key!r} in {lang}", words=(key,))
    code = parts["code"]
    if code.isdigit() or code in _NOT_PLACES or name == code:
        return None
    return Row(f"{lang}:{key}", name, code=code, kind=f"alt-{parts['kind']}" if parts["kind"] else None, lang=lang)
