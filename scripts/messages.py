"""Bring the catalogues of pages up to date: collect every interface string, keep what is translated, name what is not.

python scripts/messages.py            update borderwatch/render/locale/*.po
python scripts/messages.py --check    change nothing; exit 1 where a catalogue is out of date
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parent.parent
RENDER = ROOT / "borderwatch" / "render"
METHODS = [("**.py", "python"), ("templates/**.html", "jinja2"), ("templates/**.xml", "jinja2")]
OPTIONS = {f"templates/**.{end}": {"trimmed": "true", "silent": "false"} for end in ("html", "xml")}
KEYWORDS = {"_": None, "gettext": None, "N_": None, "ngettext": (1, 2), "pgettext": ((1, "c"), 2)}
WIDTH = 120


def extracted() -> Catalog:
    """Every message of the pages, with the files it stands in; line numbers would change at every edit."""
    found = Catalog(charset="utf-8", project="borderwatch")
    for name, _line, message, comments, context in extract_from_dir(
        RENDER, METHODS, OPTIONS, KEYWORDS, comment_tags=("Translators:",), strip_comment_tags=True
    ):
        found.add(message, locations=[(name, 0)], auto_comments=comments, context=context)
    return found


def updated(tag: str, messages: Catalog) -> Catalog:
    """The catalogue of ``tag`` with exactly ``messages``; what was translated stays so."""
    path = RENDER / "locale" / f"{tag}.po"
    if path.is_file():
        with path.open("rb") as file:
            held = read_po(file, locale=tag)
    else:
        held = Catalog(locale=tag)
    held.update(messages, no_fuzzy_matching=True, update_creation_date=False)
    held.obsolete.clear()
    return held


def text_of(held: Catalog) -> str:
    """A catalogue as its file, without the header's dates: the same messages make the same bytes."""
    out = io.BytesIO()
    write_po(out, held, width=WIDTH, omit_header=True, sort_output=True, include_lineno=False)
    header = (
        'msgid ""\nmsgstr ""\n'
        f'"Language: {held.locale}\\n"\n"Content-Type: text/plain; charset=utf-8\\n"\n'
        f'"Plural-Forms: {held.plural_forms}\\n"\n\n'
    )
    return header + out.getvalue().decode("utf-8").strip() + "\n"


def missing(held: Catalog) -> list[str]:
    """Messages without a translation in every form."""
    return [str(m.id) for m in held if m.id and not all(m.string if isinstance(m.string, tuple) else (m.string,))]


def main(check: bool) -> int:
    """Update or check every catalogue; say how complete each is."""
    from borderwatch.render.language import LANGUAGES

    messages, stale = extracted(), False
    for tag in LANGUAGES:
        if tag == "en":
            continue
        path, held = RENDER / "locale" / f"{tag}.po", updated(tag, messages)
        text, lacking = text_of(held), missing(held)
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            stale = True
            if not check:
                path.parent.mkdir(exist_ok=True)
                path.write_text(text, encoding="utf-8")
        print(f"{tag}: {len(held) - len(lacking)} of {len(held)} messages translated")
        for message in lacking:
            print(f"  not yet: {message!r}")
    if check and stale:
        print("out of date: run python scripts/messages.py")
    return int(check and stale)


if __name__ == "__main__":
    sys.exit(main("--check" in sys.argv[1:]))
