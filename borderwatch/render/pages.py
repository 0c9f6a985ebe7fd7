"""What every page is made with: the template engine, the assets, and the policy that lets only them act."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from borderwatch.models import Change, Significance
from borderwatch.render import language, mapwords, words
from borderwatch.render.store import WRITTEN

if TYPE_CHECKING:
    from jinja2 import Environment


# --- what every page is made with -----------------------------------------------------------------


def filled(template: str, *, styles: Sequence[str], scripts: Sequence[str], **context: Any) -> str:
    """A page from its template; only the given styles and scripts may act on it, each by its hash.

    ``feeds`` (address, title), ``data`` (address of its JSON) and ``social`` (Open Graph name, value) are told in the
    page's head where the context has them.
    """
    context = {"feeds": (), "data": None, "social": (), **context}
    policy = "; ".join(
        (
            "default-src 'none'",
            f"style-src {_hashes(styles)}",
            f"script-src {_hashes(scripts)}",
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )
    return (
        environment()
        .get_template(template)
        .render(styles=styles, scripts=scripts, policy=policy, written=WRITTEN, **context)
    )


def _hashes(texts: Sequence[str]) -> str:
    digests = (hashlib.sha256(text.encode()).digest() for text in texts)
    return " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests) or "'none'"


def json_for_html(data: Any) -> str:
    """JSON that may stand in a script element: ASCII only, without a character that HTML could act on."""
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=True)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


@cache
def environment() -> Environment:
    """Jinja with autoescape, strict about what is undefined, cleaning every text it is given."""
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    def clean(value: Any) -> Any:
        return words.plain(value) if isinstance(value, str) and not isinstance(value, Markup) else value

    made = Environment(
        loader=PackageLoader("borderwatch.render", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=clean,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    made.policies["ext.i18n.trimmed"] = True
    made.install_gettext_callables(language.gettext, language.ngettext, newstyle=True, pgettext=language.pgettext)  # type: ignore[attr-defined]
    for function in (
        language.spoken,
        language.count,
        words.fault_words,
        words.dispute_name,
        source_slug,
        words.short,
        words.owner_label,
        words.day,
        words.moment,
        words.number,
        words.percent,
        words.shares_in_words,
        words.coverage_in_words,
        words.web_link,
        words.from_to,
        words.edition,
        words.language,
        words.view_name,
        words.audience,
        mapwords.given,
    ):
        made.globals[function.__name__] = function
    made.globals["type_words"] = words.TYPE_WORDS
    made.globals["style_words"] = words.STYLE_WORDS
    made.globals["kind_words"] = words.KIND_WORDS
    return made


def source_slug(name: str) -> bool:
    """Whether a source's name can be part of a file's name; every real one can."""
    return re.fullmatch(r"[a-z0-9_]{1,64}", name) is not None


@cache
def asset(name: str) -> str:
    """One of our own files under ``assets/``."""
    return (files("borderwatch.render") / "assets" / name).read_text(encoding="utf-8")


@cache
def _leaflet(name: str) -> str:
    from xstatic.pkg import leaflet

    return (Path(leaflet.BASE_DIR) / name).read_text(encoding="utf-8")


@cache
def leaflet_js() -> str:
    """Leaflet as its package ships it, without the pointer to a source map that is not there."""
    text = re.sub(r"\n//# sourceMappingURL=\S+\s*\Z", "\n", _leaflet("leaflet.js"))
    if "</script" in text.lower():
        raise ValueError("leaflet.js holds '</script': it cannot be put inside a page")
    return text


@cache
def leaflet_css() -> str:
    """Leaflet's styles with every image taken out: this project's maps use none of them."""
    return re.sub(r"url\((?!#)[^)]*\)", "none", _leaflet("leaflet.css"))


def changes_by_weight(changes: Sequence[Change]) -> tuple[list[Change], list[Change]]:
    """Changes of substance and minor ones."""
    return (
        [c for c in changes if c.significance is Significance.SUBSTANTIVE],
        [c for c in changes if c.significance is Significance.MINOR],
    )
