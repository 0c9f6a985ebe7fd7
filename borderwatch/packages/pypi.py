"""PyPI packages: from pip of this machine, or by the index's own protocol (PEP 503, PEP 691)."""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import unquote, urljoin, urlsplit

from borderwatch.errors import CaptureProblem, Malformed, NotServed, TooLarge, Unreachable, UsageError
from borderwatch.packages import tools
from borderwatch.packages.archives import PackageFiles, Paths, Settled, Wanted, purl, read_tarball, read_zip
from borderwatch.packages.ways import first_answer, without_hosts

if TYPE_CHECKING:
    from borderwatch.fetch import Fetch

T = TypeVar("T")

MAX_ARCHIVE_BYTES = 268_435_456

_NAME = re.compile(r"[A-Za-z0-9](?:[\w.-]*[A-Za-z0-9])?", re.ASCII)
_VERSION = re.compile(r"[A-Za-z0-9][\w.!+-]*", re.ASCII)

_OUT_OF_REACH = re.compile(
    r"Retrying \(|Max retries exceeded|NewConnectionError|NameResolutionError|Failed to resolve|Could not fetch URL"
    r"|Connection refused|SSLError|ReadTimeout|ProxyError|Network is unreachable"
)
_NOT_THERE = re.compile(r"No matching distribution found|Could not find a version")


def pypi_versions(fetch: Fetch, name: str, *, prereleases: bool = False) -> tuple[str, ...]:
    """The versions of ``name`` in the order of PEP 440; without pre-releases unless asked."""
    name = _checked(name)
    answer = fetch.once(
        ("pypi versions", name),
        lambda: first_answer(
            f"the versions of PyPI {name}",
            _ways(
                client=lambda: _client_versions(fetch, name),
                protocol=lambda base: tuple(file.version for file in _listing(fetch, base, name)),
            ),
        ),
    )
    return _in_order(answer, prereleases=prereleases)


def pypi_files(fetch: Fetch, name: str, version: str, paths: Paths) -> PackageFiles:
    """The files of one exact version, verified; ``NotServed`` names a missing one and what is near it.

    ``paths`` are counted from the root of the wheel, or of the source archive below its top folder. Nothing of
    the package is run: an old source archive is read as an archive, never built.
    """
    name = _checked(name)
    if len(version) > 80 or not _VERSION.fullmatch(version):
        raise UsageError(f"PyPI {name}: {version!r} is not an exact version: give one like 0.12.2")
    what = f"PyPI {name} {version}"

    def read(archive: tuple[Path, str]) -> PackageFiles:
        path, note = archive
        wanted = Wanted(paths, what)
        if path.name.endswith((".whl", ".zip")):
            read_zip(path, wanted, strip=path.suffix == ".zip")
        else:
            read_tarball(path, wanted)
        parts = wanted.parts()
        return PackageFiles(parts, purl("pypi", name, version, parts), wanted.modified_at, note=note)

    return first_answer(
        what,
        _ways(
            client=lambda: read(_client_wheel(fetch, name, version)),
            protocol=lambda base: read(_protocol_archive(fetch, base, name, version)),
        ),
    )


def _ways(*, client: Callable[[], T], protocol: Callable[[str], T]) -> list[tuple[str, Callable[[], T]]]:
    """pip first: it knows mirrors, logins and certificates. It gives wheels only; the rest goes by protocol."""
    ways: list[tuple[str, Callable[[], T]]] = []
    if _has_pip():
        ways.append(("pip", client))
    base = _index()
    if base is not None:
        ways.append(("index", lambda: protocol(base)))
    return ways


def _in_order(versions: tuple[str, ...], *, prereleases: bool) -> tuple[str, ...]:
    from packaging.version import InvalidVersion, Version

    keyed = []
    for version in dict.fromkeys(versions):
        try:
            parsed = Version(version)
        except InvalidVersion:
            continue  # versions from before PEP 440 have no order
        if prereleases or not parsed.is_prerelease:
            keyed.append((parsed, version))
    return tuple(version for _, version in sorted(keyed))


# --- pip ------------------------------------------------------------------------------------------------


def _client_versions(fetch: Fetch, name: str) -> tuple[str, ...]:
    def make() -> tuple[str, ...]:
        said = _pip(fetch, "index", "versions", name, "--pre", "--ignore-requires-python")
        found = re.search(r"(?m)^Available versions: (.+)$", said.out)
        if not found:
            raise Malformed(f"pip index versions {name} named no versions: update pip and run again")
        return tuple(version.strip() for version in found[1].split(","))

    return fetch.once(("pip versions", name), make)


def _client_wheel(fetch: Fetch, name: str, version: str) -> tuple[Path, str]:
    def make() -> tuple[Path, str]:
        folder = _folder(fetch, name, version)
        # Wheels only: to look into a source archive pip would run its setup.py.
        words = ("--no-deps", "--only-binary=:all:", "--ignore-requires-python", "--progress-bar=off")
        try:
            _pip(fetch, "download", f"{name}=={version}", *words, "--dest", str(folder))
        except NotServed:
            known = _client_versions(fetch, name)
            if version not in known:
                last = ", ".join(_in_order(known, prereleases=True)[-5:])
                raise Settled(f"PyPI has no {name} {version}; its latest are {last or 'none'}") from None
            raise
        wheels = sorted(folder.glob("*.whl"))
        if len(wheels) != 1:
            raise Malformed(f"pip download {name}=={version} left {len(wheels)} wheels, not one: run it by hand to see")
        size = wheels[0].stat().st_size
        if size > MAX_ARCHIVE_BYTES:
            raise TooLarge(f"PyPI {name} {version} is a wheel of {size:,} bytes; the bound is {MAX_ARCHIVE_BYTES:,}")
        digest = hashlib.sha256(wheels[0].read_bytes()).hexdigest()
        return wheels[0], f"wheel by pip, which checked it; sha256 {digest}"

    return fetch.once(("pip wheel", name, version), make)


def _pip(fetch: Fetch, *words: str) -> tools.Said:
    tool = fetch.once(("tool", "pip"), lambda: tools.Tool("pip"))
    neutral = fetch.client.scratch / "neutral"
    neutral.mkdir(exist_ok=True)
    with tool.lock:
        tool.check()
        said = tools.run(
            [sys.executable, "-I", "-m", "pip", *words, "--no-input", "--retries=1", "--timeout=30"],
            folder=neutral,
            environment={"PIP_DISABLE_PIP_VERSION_CHECK": "1"},
        )
        if said.code != 0:
            raise tool.note(_pip_problem(said, words))
    return said


def _pip_problem(said: tools.Said, words: tuple[str, ...]) -> CaptureProblem:
    asked = f"pip {' '.join(words[:2])}"
    text = said.out + said.err
    if _OUT_OF_REACH.search(text):
        return Unreachable(f"{asked}: no answer from the index: check the connection and run again")
    if _NOT_THERE.search(text):
        return NotServed(f"{asked}: the index pip is set up for has no wheel of it for this Python")
    if "DO NOT MATCH THE HASHES" in text:
        return Malformed(f"{asked}: what came is not what was published: run again later")
    if "unknown command" in text:
        return NotServed(f"{asked}: this pip is too old to say: update pip")
    return NotServed(f"{asked} failed: run it by hand to see why")


@functools.cache
def _has_pip() -> bool:
    return bool(sys.executable) and importlib.util.find_spec("pip") is not None


# --- the index's own protocol --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _File:
    """One file an index offers."""

    name: str
    version: str
    url: str
    sha256: str


def _listing(fetch: Fetch, base: str, name: str) -> tuple[_File, ...]:
    url = f"{base.rstrip('/')}/{name}/"
    accept = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1"

    def make() -> tuple[_File, ...]:
        try:
            # The user's own index may well be in the user's own network.
            answer = fetch.get(url, headers={"Accept": accept}, robots=False, inside=True)
            if "json" in answer.headers.get("content-type", "").lower():
                links = _links_from_json(answer.json())
            else:
                links = _links_from_page(answer.data)
        except CaptureProblem as problem:
            raise without_hosts(problem, base) from None
        files = []
        for filename, link, sha256 in links:
            version = _version_of(filename)
            if version is not None:
                files.append(_File(filename, version, urljoin(answer.url, link), sha256))
        if not files:
            raise Malformed(f"the index's page on {name} lists no files: check the index's address")
        return tuple(files)

    return fetch.once(("pypi listing", url), make)


def _links_from_json(answer: Any) -> list[tuple[str, str, str]]:
    try:
        return [
            (str(file["filename"]), str(file["url"]), str((file.get("hashes") or {}).get("sha256", "")))
            for file in answer["files"]
        ]
    except (KeyError, TypeError, AttributeError):
        raise Malformed("the index's answer is not of PEP 691: check the index's address") from None


def _links_from_page(data: bytes) -> list[tuple[str, str, str]]:
    from bs4 import BeautifulSoup

    links = []
    for anchor in BeautifulSoup(data, "html.parser").find_all("a", href=True, limit=50_000):
        link, _, fragment = str(anchor["href"]).partition("#")
        filename = unquote(urlsplit(link).path.rpartition("/")[2])
        found = re.fullmatch(r"sha256=([0-9a-f]{64})", fragment)
        links.append((filename, link, found[1] if found else ""))
    return links


def _version_of(filename: str) -> str | None:
    from packaging.utils import InvalidSdistFilename, InvalidWheelFilename, parse_sdist_filename, parse_wheel_filename
    from packaging.version import InvalidVersion

    try:
        if filename.endswith(".whl"):
            return str(parse_wheel_filename(filename)[1])
        return str(parse_sdist_filename(filename)[1])
    except (InvalidWheelFilename, InvalidSdistFilename, InvalidVersion):
        return None


def _protocol_archive(fetch: Fetch, base: str, name: str, version: str) -> tuple[Path, str]:
    def make() -> tuple[Path, str]:
        from packaging.version import InvalidVersion, Version

        files = _listing(fetch, base, name)
        try:
            wanted = Version(version)
        except InvalidVersion:
            raise NotServed(f"the index knows no version {version!r} of {name}: it is not one of PEP 440") from None
        offered = [file for file in files if Version(file.version) == wanted]
        if not offered:
            last = ", ".join(_in_order(tuple(file.version for file in files), prereleases=True)[-5:])
            raise NotServed(f"the index has no {name} {version}; its latest are {last or 'none'}")
        file = min(offered, key=_preference)
        if not file.sha256:
            raise Malformed(f"the index gives no SHA-256 for {file.name}: nothing was kept")
        try:
            answer = fetch.get(
                file.url,
                headers={"Accept-Encoding": "identity"},
                robots=False,
                max_bytes=MAX_ARCHIVE_BYTES,
                inside=urlsplit(file.url).netloc == urlsplit(base).netloc,
            )
        except CaptureProblem as problem:
            raise without_hosts(problem, base, file.url) from None
        if hashlib.sha256(answer.data).hexdigest() != file.sha256:
            raise Malformed(f"{file.name} does not match its SHA-256: nothing was kept; run again later")
        suffix = next(end for end in (".whl", ".zip", ".tar.gz") if file.name.endswith(end))
        path = _folder(fetch, name, version) / f"archive{suffix}"
        path.write_bytes(answer.data)
        return path, f"{'wheel' if suffix == '.whl' else 'source archive'} from the index, sha256 ok"

    return fetch.once(("pypi archive", name, version), make)


def _preference(file: _File) -> tuple[int, str]:
    """A wheel for every platform, then any wheel, then the source: they hold the same data files."""
    if file.name.endswith("-none-any.whl"):
        return 0, file.name
    return (1 if file.name.endswith(".whl") else 2), file.name


def _index() -> str | None:
    """The index's address as the environment or pip gives it; this program holds no default of its own."""
    for variable in ("PIP_INDEX_URL", "UV_DEFAULT_INDEX", "UV_INDEX_URL"):
        value = os.environ.get(variable, "").strip()
        if value.startswith(("http://", "https://")):
            return value
    return _pips_index() if _has_pip() else None


@functools.cache
def _pips_index() -> str | None:
    """What pip itself would ask: its settings, else the default built into it."""
    commands = (
        [sys.executable, "-I", "-m", "pip", "config", "get", "global.index-url"],
        [sys.executable, "-I", "-c", "from pip._internal.models.index import PyPI; print(PyPI.simple_url)"],
    )
    for command in commands:
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)  # noqa: S603 - fixed
        except (OSError, subprocess.SubprocessError):
            continue
        if done.returncode == 0 and done.stdout.strip().startswith(("http://", "https://")):
            return done.stdout.strip()
    return None


# --- small things -----------------------------------------------------------------------------------------------


def _checked(name: str) -> str:
    """``name`` as indexes spell it (PEP 503)."""
    if len(name) > 200 or not _NAME.fullmatch(name):
        raise UsageError(f"{name!r} is not the name of a PyPI package: give one like geopandas")
    return re.sub(r"[-_.]+", "-", name).lower()


def _folder(fetch: Fetch, name: str, version: str) -> Path:
    digest = hashlib.sha256(f"pypi {name}@{version}".encode()).hexdigest()[:16]
    folder = fetch.client.scratch / digest
    folder.mkdir(parents=True, exist_ok=True)
    for stale in folder.iterdir():
        stale.unlink()
    return folder
