"""Frozen settings from ``borderwatch.toml`` and the environment, built once; reads that file, writes none.

The environment wins over the file, the file over the defaults. Keys of services are never settings: a
source names the environment variable it wants, and nothing writes it anywhere.
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from datetime import timedelta
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from borderwatch.errors import SettingsError

if TYPE_CHECKING:
    from pydantic import BaseModel

FILE = "borderwatch.toml"
PREFIX = "BORDERWATCH_"

EXAMPLE = """\
# borderwatch.toml: lies in the workspace; every line may be left out. The values are the defaults, unless
# marked (example). An environment variable of the same name in capitals, BORDERWATCH_JOBS=2, wins.

contact = "maps@example.org"      # (example) an address or a page; told to every host in the User-Agent
snapshots = "snapshots"           # the archive; paths are relative to the workspace
maps = "maps"                     # where maps and pages are written
database = "borderwatch.db"       # the change log; can be made again with: borderwatch rebuild
timeout_s = 60                    # seconds a host may stay silent
max_bytes = "256 MB"              # the largest answer taken
jobs = 4                          # sources asked at once; one source is never asked twice at once
language = "en"                   # of the pages: en, es, fr or id
site = ""                         # https://... where the pages are published; feeds, cards and sitemap then say so

[sources]
enabled = []                      # turn on what is off by default: sources whose terms forbid automated access
disabled = []                     # turn off

[every]                           # ask a source more or less often than it proposes: 30m, 12h, 7d, 2w
country_list = "12h"              # (example)
"""

MIN_EVERY = timedelta(minutes=15)
"""Nobody's public service is asked more often than this."""
MAX_EVERY = timedelta(days=366)
MAX_FILE_BYTES = 1_000_000
LANGUAGES = ("en", "es", "fr", "id")
"""What pages can be written in: the catalogues under ``render/locale/``, and English."""

_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
_BYTES = {"": 1, "b": 1, "kb": 1_000, "mb": 1_000_000, "gb": 1_000_000_000}
_SECRETS = re.compile(r"(^|_)(api_?key|key|token|secret|password)$", re.IGNORECASE)
_SOURCE = re.compile(r"[a-z0-9_]{1,64}")


@dataclass(frozen=True, slots=True)
class Settings:
    """What a workspace wants. ``every`` maps a source to its own cadence here."""

    workspace: Path
    snapshots: Path
    maps: Path
    database: Path
    contact: str | None = None
    enabled: tuple[str, ...] = ()
    disabled: tuple[str, ...] = ()
    timeout_s: float = 60.0
    max_bytes: int = 256_000_000
    jobs: int = 4
    language: str = "en"
    site: str = ""
    every: Mapping[str, timedelta] = field(default_factory=lambda: MappingProxyType({}))

    @classmethod
    def load(cls, workspace: Path, environ: Mapping[str, str] = os.environ) -> Settings:
        """The settings of a workspace; SettingsError lists every problem with its place and the choices."""
        path = workspace / FILE
        text = _text_of(path)
        wanted, places, problems = _wanted_from_toml(text, path)
        _add_environment(wanted, places, problems, environ)
        values: dict[str, Any] = {}
        problems += _validated(wanted, places, values)
        if not problems:
            for name, default in (("snapshots", "snapshots"), ("maps", "maps"), ("database", "borderwatch.db")):
                values[name] = workspace / Path(values.get(name) or default).expanduser()
            problems += _tangled(values, places)
        if problems:
            raise SettingsError("\n".join(dict.fromkeys(problems)))
        return cls(workspace=workspace, **values)

    def wants(self, source: str, *, automation: bool) -> bool:
        """Whether a source is on: by default those whose terms allow automated access."""
        return source not in self.disabled and (automation or source in self.enabled)

    def check_sources(self, known: Iterable[str]) -> None:
        """SettingsError where a setting names a source that does not exist."""
        names = sorted(known)
        problems = [
            f"{place}: no source {name!r}{_near(name, names)}"
            for place, said in (("enabled", self.enabled), ("disabled", self.disabled), ("every", self.every))
            for name in said
            if name not in names
        ]
        if problems:
            raise SettingsError("\n".join([*problems, f"the sources are: {', '.join(names)}"]))


def _tangled(values: Mapping[str, Any], places: Mapping[str, str]) -> list[str]:
    """What would write into the archive: nothing but the archive may."""
    archive = Path(os.path.abspath(values["snapshots"]))  # noqa: PTH100  (links are the user's own choice)
    problems = []
    for name in ("maps", "database"):
        path = Path(os.path.abspath(values[name]))  # noqa: PTH100
        if path == archive or archive in path.parents or path in archive.parents:
            place = places.get(name) or places.get("snapshots") or FILE
            problems.append(f"{place}: {name} and snapshots must lie apart, not {path} and {archive}")
    return problems


# --- where values come from ------------------------------------------------------------------------


def _text_of(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror}") from error
    if len(data) > MAX_FILE_BYTES:
        raise SettingsError(f"{path}: more than {MAX_FILE_BYTES:,} bytes; settings are a few lines")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path}: not UTF-8 text (byte {error.start})") from error


def _wanted_from_toml(text: str, path: Path) -> tuple[dict[str, Any], dict[str, str], list[str]]:
    """Values by field, the place each comes from, and what is wrong with the keys."""
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path}: not TOML: {error}") from error
    wanted: dict[str, Any] = {}
    places: dict[str, str] = {}
    problems: list[str] = []
    top = sorted({f.name for f in fields(Settings)} - {"workspace", "enabled", "disabled"} | {"sources"})
    for key, value in tables.items():
        place = f"{path}{_line_of(text, key)}"
        if key == "sources" and isinstance(value, dict):
            for name, listed in value.items():
                if name in {"enabled", "disabled"}:
                    wanted[name], places[name] = listed, f"{path}{_line_of(text, name)}"
                else:
                    problems.append(
                        _unknown(f"{path}{_line_of(text, name)}", f"sources.{name}", ["enabled", "disabled"])
                    )
        elif key in top and key != "sources":
            wanted[key], places[key] = value, place
        elif key == "sources":
            problems.append(f"{place}: sources = {value!r} is not a table; write [sources] and enabled = [...]")
        else:
            problems.append(_unknown(place, key, top))
    return wanted, places, problems


def _add_environment(
    wanted: dict[str, Any], places: dict[str, str], problems: list[str], environ: Mapping[str, str]
) -> None:
    names = {f"{PREFIX}{f.name.upper()}": f.name for f in fields(Settings) if f.name != "workspace"}
    for variable in sorted(name for name in environ if name.startswith(PREFIX)):
        name, value = names.get(variable), environ[variable].strip()
        if name is None:
            # Sources and tests have variables of their own under this prefix: only a near miss is a mistake.
            if not _SECRETS.search(variable) and difflib.get_close_matches(variable, names, cutoff=0.9):
                problems.append(_unknown("environment", variable, sorted(names)))
        elif value:  # set but empty is not set, as everywhere
            places[name] = variable
            if name in {"enabled", "disabled"}:
                wanted[name] = [item.strip() for item in value.split(",") if item.strip()]
            elif name == "every":
                pairs = (item.partition("=") for item in value.split(",") if item.strip())
                wanted[name] = {source.strip(): interval.strip() for source, _, interval in pairs}
            else:
                wanted[name] = value


def _unknown(place: str, key: str, known: list[str]) -> str:
    if _SECRETS.search(key):
        return (
            f"{place}: {key}: keys are never stored in settings; "
            "put it into the environment variable the source asks for (borderwatch sources)"
        )
    return f"{place}: no setting {key!r}{_near(key.rpartition('.')[2], known)}; the settings are: {', '.join(known)}"


def _near(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(known), n=2, cutoff=0.6)
    return f"; did you mean {' or '.join(near)}?" if near else ""


def _line_of(text: str, key: str) -> str:
    """`` line N`` where a key or a table first stands in the file; tomllib does not tell."""
    pattern = re.compile(rf"""^\s*(\[\s*)?["']?{re.escape(key)}["']?\s*[]=.]""")
    for number, line in enumerate(text.splitlines(), start=1):
        if pattern.match(line):
            return f" line {number}"
    return ""


# --- what values may be ------------------------------------------------------------------------------


def interval_from_text(text: object) -> timedelta:
    """A cadence from ``30m``, ``12h``, ``7d`` or ``2w``; ValueError says what is wrong."""
    found = re.fullmatch(r"\s*(\d{1,6})\s*([mhdw])\s*", text) if isinstance(text, str) else None
    if found is None:
        raise ValueError("write a number and a unit: 30m, 12h, 7d or 2w")
    interval = int(found[1]) * _UNITS[found[2]]
    if not MIN_EVERY <= interval <= MAX_EVERY:
        raise ValueError("must lie between 15m and 366d")
    return interval


def bytes_from_text(value: object) -> object:
    """A number of bytes from ``256 MB`` (a kB is 1,000 bytes); anything else is left to the validator."""
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(|b|kb|mb|gb)\s*", value.lower()) if isinstance(value, str) else None
    return value if found is None else int(float(found[1]) * _BYTES[found[2]])


def _number(value: object) -> object:
    if isinstance(value, bool):  # which Python takes for 0 or 1
        raise ValueError("is not a number")  # noqa: TRY004  (the validator collects ValueErrors)
    return value


def _path(value: str | None) -> str | None:
    if value is not None and not (value.strip() and value.isprintable()):
        raise ValueError("is empty or holds characters no path has")
    return value


def _contact(value: str | None) -> str | None:
    # It becomes part of a header: one line of plain characters, or a host is told what it should not be.
    if value is None:
        return None
    if not re.fullmatch(r"[!-~]{3,200}", value) or not re.search(r"^https?://|.@.", value):
        raise ValueError("write an e-mail address or a page that begins with https://")
    return value


def _language(value: str) -> str:
    if value not in LANGUAGES:
        raise ValueError(f"pages are written in: {', '.join(LANGUAGES)}")
    return value


def _site(value: str) -> str:
    # It becomes part of every feed and page: plain characters only, no login, no query.
    if not re.fullmatch(r"(https?://[A-Za-z0-9.-]+(:\d{1,5})?(/[A-Za-z0-9._~/-]*)?)?", value):
        raise ValueError("write the address of the folder the pages lie in, https://maps.example.org/ for one")
    return value if not value or value.endswith("/") else f"{value}/"


def _names(value: list[str]) -> list[str]:
    wrong = [name for name in value if not _SOURCE.fullmatch(name)]
    if wrong:
        raise ValueError(f"not a source's name: {', '.join(map(repr, wrong))} (a-z, 0-9 and _)")
    return value


@cache
def _model() -> type[BaseModel]:
    """The validator. pydantic takes 0.1 s to import: too long for a start-up that only prints help."""
    from typing import Annotated

    from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, create_model

    path = Annotated[str | None, AfterValidator(_path)]
    names = Annotated[list[str], AfterValidator(_names)]
    interval = Annotated[timedelta, BeforeValidator(interval_from_text)]
    return create_model(
        "Wanted",
        __config__=ConfigDict(extra="forbid", strict=False),
        snapshots=(path, None),
        maps=(path, None),
        database=(path, None),
        contact=(Annotated[str | None, AfterValidator(_contact)], None),
        enabled=(names, []),
        disabled=(names, []),
        timeout_s=(Annotated[float, BeforeValidator(_number), Field(ge=1, le=3_600, allow_inf_nan=False)], 60.0),
        max_bytes=(
            Annotated[
                int, BeforeValidator(bytes_from_text), BeforeValidator(_number), Field(ge=1_000, le=4_000_000_000)
            ],
            256_000_000,
        ),
        jobs=(Annotated[int, BeforeValidator(_number), Field(ge=1, le=32)], 4),
        language=(Annotated[str, AfterValidator(_language)], "en"),
        site=(Annotated[str, AfterValidator(_site)], ""),
        every=(dict[str, interval], {}),
    )


_PLAIN = {
    "float_parsing": "is not a number",
    "int_parsing": "is not a whole number",
    "float_type": "is not a number",
    "int_type": "is not a whole number",
    "int_from_float": "is not a whole number",
    "list_type": 'is not a list; write ["name", "name"]',
    "dict_type": 'is not a table; write [every] and name = "7d"',
    "string_type": "is not a text",
    "greater_than_equal": "must be at least {ge:g}",
    "less_than_equal": "must be at most {le:g}",
}


def _validated(wanted: Mapping[str, Any], places: Mapping[str, str], values: dict[str, Any]) -> list[str]:
    """Fill ``values`` with what passed; what did not, in words, each with its place and value."""
    from pydantic import ValidationError

    try:
        found = _model().model_validate(wanted)
    except ValidationError as error:
        problems = []
        for fault in error.errors(include_url=False, include_context=True):
            name = str(fault["loc"][0])
            said = _PLAIN.get(fault["type"]) or fault["msg"].removeprefix("Value error, ")
            said = said.format(**fault.get("ctx", {})) if fault["type"] in _PLAIN else said
            spelt = ".".join(map(str, fault["loc"]))
            problems.append(f"{places.get(name, FILE)}: {spelt} = {fault['input']!r}: {said}")
        return problems
    values.update(found.model_dump())
    values["enabled"], values["disabled"] = tuple(values["enabled"]), tuple(values["disabled"])
    values["every"] = MappingProxyType(values["every"])
    both = sorted(set(values["enabled"]) & set(values["disabled"]))
    return [f"{places['enabled']}: {name} is both enabled and disabled; keep one" for name in both]
