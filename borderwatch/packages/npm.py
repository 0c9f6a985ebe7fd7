"""npm packages: from the jsDelivr CDN, from the npm client of this machine, or by the registry's own protocol."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote, urljoin, urlsplit

from borderwatch.errors import (
    CaptureProblem,
    Malformed,
    NotServed,
    RateLimited,
    Refused,
    TooLarge,
    Unreachable,
    UsageError,
)
from borderwatch.packages import tools
from borderwatch.packages.archives import MAX_MEMBER_BYTES, PackageFiles, Paths, Wanted, is_plain, purl, read_tarball
from borderwatch.packages.ways import first_answer, without_hosts

if TYPE_CHECKING:
    from borderwatch.fetch import Fetch

T = TypeVar("T")

CDN_FILE = "https://cdn.jsdelivr.net/npm/{name}@{version}/{path}"
CDN_VERSIONS = "https://data.jsdelivr.com/v1/packages/npm/{name}"
CDN_FILES = "https://data.jsdelivr.com/v1/packages/npm/{name}@{version}"

CDN_INTERVAL_S = 0.7
"""jsDelivr sets no limit and asks for a word before 100 questions a minute."""
CDN_MOST_FILES = 60
"""Above this one tarball is kinder than a question for every file."""
MAX_TARBALL_BYTES = 268_435_456

_NAME = re.compile(r"(?:@[A-Za-z0-9~][\w.~-]*/)?[A-Za-z0-9~][\w.~-]*", re.ASCII)
_VERSION = re.compile(
    r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:-([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?(?:\+[0-9A-Za-z.-]+)?", re.ASCII
)

_OUT_OF_REACH = re.compile(
    r"ENOTFOUND|EAI_AGAIN|ECONN|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|EPIPE|ERR_SOCKET|ESOCKET|EPROTO|FETCH_ERROR"
    r"|ENOTCACHED|CERT|ISSUER|SIGNED|ERR_TLS|ERR_SSL"
)


def npm_versions(fetch: Fetch, name: str, *, prereleases: bool = False) -> tuple[str, ...]:
    """The versions of ``name`` in semver order; without pre-releases unless asked."""
    _check_name(name)
    answer = fetch.once(
        ("npm versions", name),
        lambda: first_answer(
            f"the versions of npm {name}",
            _ways(
                name,
                cdn=lambda: _cdn_versions(fetch, name),
                client=lambda: _client_versions(fetch, name),
                protocol=lambda base: tuple(_document(fetch, base, name)),
            ),
        ),
    )
    return versions_in_order(answer, prereleases=prereleases)


def npm_files(fetch: Fetch, name: str, version: str, paths: Paths) -> PackageFiles:
    """The files of one exact version, each verified; ``NotServed`` names a missing one and what is near it.

    ``paths`` are counted from the package's root (``dist/world.json``), or a function that says of each path
    whether it is wanted. An archive is downloaded once a run, however many views read from it.
    """
    _check_name(name)
    if not _VERSION.fullmatch(version):
        raise UsageError(f"npm {name}: {version!r} is not an exact version: give one like 2.0.2")
    what = f"npm {name}@{version}"
    return first_answer(
        what,
        _ways(
            name,
            cdn=lambda: _cdn_files(fetch, name, version, Wanted(paths, what)),
            client=lambda: _from_tarball(_client_tarball(fetch, name, version), name, version, Wanted(paths, what)),
            protocol=lambda base: _from_tarball(
                _protocol_tarball(fetch, base, name, version), name, version, Wanted(paths, what)
            ),
        ),
    )


def versions_in_order(versions: Iterable[str], *, prereleases: bool = False) -> tuple[str, ...]:
    """Versions by semver precedence (semver.org, 11); what is not a version is left out."""
    keyed = []
    for version in set(versions):
        found = _VERSION.fullmatch(version) if len(version) < 100 else None
        if found and (prereleases or found[4] is None):
            marks = tuple(
                (0, int(mark), "") if mark.isdecimal() else (1, 0, mark) for mark in (found[4] or "").split(".") if mark
            )
            keyed.append((int(found[1]), int(found[2]), int(found[3]), found[4] is None, marks, version))
    return tuple(key[-1] for key in sorted(keyed))


def _ways(
    name: str, *, cdn: Callable[[], T], client: Callable[[], T], protocol: Callable[[str], T]
) -> list[tuple[str, Callable[[], T]]]:
    """The ways in order: a registry the user has set up goes before the CDN, the default one after it."""
    base, chosen = _registry(name)
    registry: list[tuple[str, Callable[[], T]]] = []
    if shutil.which("npm"):
        # The client itself, not its address: it knows logins, certificates, proxies and scopes that we do not.
        registry = [("npm", client)]
    elif base is not None:
        registry = [("registry", lambda: protocol(base))]
    return [*registry, ("CDN", cdn)] if chosen else [("CDN", cdn), *registry]


# --- the CDN -------------------------------------------------------------------------------------------


def _cdn_versions(fetch: Fetch, name: str) -> tuple[str, ...]:
    url = CDN_VERSIONS.format(name=name)
    answer = fetch.get(url, expect="json", robots=False, interval_s=CDN_INTERVAL_S).json()
    versions = answer.get("versions") if isinstance(answer, dict) else None
    if not isinstance(versions, list):
        raise Malformed(f"{url} names no versions: the service's form may have changed", url=url)
    # Until 2021 a version was a bare string.
    return tuple(str(item.get("version")) if isinstance(item, dict) else str(item) for item in versions)


def _cdn_files(fetch: Fetch, name: str, version: str, wanted: Wanted) -> PackageFiles:
    url = CDN_FILES.format(name=name, version=version)
    listing = fetch.once(
        ("npm listing", name, version),
        lambda: fetch.get(
            url, params={"structure": "flat"}, expect="json", robots=False, interval_s=CDN_INTERVAL_S
        ).json(),
    )
    digests = _digests(listing, url)
    wanted.seen.extend(digests)
    asked = [path for path in digests if wanted.wants(path)]
    if len(asked) > CDN_MOST_FILES:
        raise TooLarge(f"{len(asked)} files are wanted, and the CDN gives one at a time: {CDN_MOST_FILES} at most")
    headers: Mapping[str, str] = {}
    for path in asked:
        if not is_plain(path):
            raise Malformed(f"{wanted.what} lists a file named {path[:80]!r}, which leads outside")
        answer = fetch.get(
            CDN_FILE.format(name=name, version=version, path=quote(path)),
            robots=False,
            interval_s=CDN_INTERVAL_S,
            max_bytes=MAX_MEMBER_BYTES,
        )
        if base64.b64encode(hashlib.sha256(answer.data).digest()).decode() != digests[path]:
            raise Malformed(f"{answer.url} is not the file its SHA-256 says: nothing was kept; ask again later")
        wanted.keep(path, answer.data)
        headers = answer.headers
    parts = wanted.parts()
    return PackageFiles(
        parts,
        purl("npm", name, version, parts),
        note="CDN, sha256 ok",
        headers=headers if len(parts) == 1 else {},
    )


def _digests(listing: Any, url: str) -> dict[str, str]:
    """Path to base64 SHA-256, of a flat listing."""
    try:
        digests = {str(item["name"]).removeprefix("/"): str(item["hash"]) for item in listing["files"]}
    except (KeyError, TypeError):
        raise Malformed(f"{url} lists no files with hashes: the service's form may have changed", url=url) from None
    return digests


# --- the npm client of this machine -----------------------------------------------------------------------


def _client_versions(fetch: Fetch, name: str) -> tuple[str, ...]:
    versions = _npm(fetch, "view", name, "versions")
    return tuple(str(version) for version in ([versions] if isinstance(versions, str) else versions or ()))


def _client_tarball(fetch: Fetch, name: str, version: str) -> tuple[Path, str]:
    def make() -> tuple[Path, str]:
        dist = _npm(fetch, "view", f"{name}@{version}", "dist")
        if not isinstance(dist, dict):
            raise NotServed(
                f"the registry npm is set up for has no {name}@{version}: npm view {name} versions lists them"
            )
        folder = _folder(fetch, name, version)
        packed = _npm(fetch, "pack", f"{name}@{version}", "--ignore-scripts", "--pack-destination", str(folder))
        files = sorted(folder.glob("*.tgz"))
        if not packed or len(files) != 1:
            raise Malformed(f"npm pack {name}@{version} left {len(files)} archives, not one: update npm and run again")
        return files[0], _verified(files[0], dist, f"npm {name}@{version}")

    return fetch.once(("npm tarball", name, version), make)


def _npm(fetch: Fetch, *words: str) -> Any:
    """What one npm command answers, as JSON; its errors as ours."""
    tool = fetch.once(("tool", "npm"), lambda: tools.Tool("npm"))
    npm = shutil.which("npm") or "npm"
    with tool.lock:
        tool.check()
        said = tools.run(
            [npm, *words, "--json", "--fetch-retries=1", "--fetch-retry-mintimeout=500", "--fetch-timeout=60000"],
            folder=_neutral(fetch),
            environment={"npm_config_update_notifier": "false", "npm_config_loglevel": "error"},
        )
        try:
            answer = json.loads(said.out) if said.out.strip() else None
        except ValueError:
            answer = None
        error = answer.get("error") if isinstance(answer, dict) else None
        if said.code != 0 or error is not None:
            code = str((error or {}).get("code", "")) or _code(said.err)
            raise tool.note(_npm_problem(code, words))
    return answer


def _code(text: str) -> str:
    found = re.search(r"npm (?:error|ERR!) code (\w+)", text)
    return found[1] if found else ""


def _npm_problem(code: str, words: tuple[str, ...]) -> CaptureProblem:
    asked = f"npm {' '.join(words[:2])}"
    if code in {"E404", "ETARGET", "ENOVERSIONS"}:
        return NotServed(f"{asked}: the registry npm is set up for has no such package or version ({code})")
    if code in {"EINTEGRITY", "EBADSIZE", "TAR_BAD_ARCHIVE", "Z_DATA_ERROR", "EJSONPARSE"}:
        return Malformed(f"{asked}: what came is not what was published ({code}): run again later")
    if code in {"E401", "E403", "ENEEDAUTH", "E451"}:
        return Refused(f"{asked}: the registry refuses ({code}): check the login with npm whoami")
    if code == "E429":
        return RateLimited(f"{asked}: the registry asks us to slow down: run again later")
    if _OUT_OF_REACH.search(code) or re.fullmatch(r"E5\d\d", code):
        return Unreachable(f"{asked}: no answer from the registry ({code}): check the connection and run again")
    return Unreachable(f"{asked} failed ({code or 'no reason given'}): run it by hand to see why")


# --- the registry's own protocol ----------------------------------------------------------------------------


def _document(fetch: Fetch, base: str, name: str) -> dict[str, Any]:
    """What a registry says of each version of ``name``."""
    url = f"{base.rstrip('/')}/{name.replace('/', '%2f')}"

    def make() -> dict[str, Any]:
        try:
            answer = fetch.get(
                url,
                headers={"Accept": "application/vnd.npm.install-v1+json"},
                expect="json",
                robots=False,
                inside=True,  # the user's own registry may well be in the user's own network
            ).json()
        except CaptureProblem as problem:
            raise without_hosts(problem, base) from None
        versions = answer.get("versions") if isinstance(answer, dict) else None
        if not isinstance(versions, dict):
            raise Malformed(f"the registry's answer on {name} names no versions: check the registry's address")
        return versions

    return fetch.once(("npm document", url), make)


def _protocol_tarball(fetch: Fetch, base: str, name: str, version: str) -> tuple[Path, str]:
    def make() -> tuple[Path, str]:
        versions = _document(fetch, base, name)
        dist = versions[version].get("dist") if isinstance(versions.get(version), dict) else None
        if not isinstance(dist, dict) or not isinstance(dist.get("tarball"), str):
            last = ", ".join(versions_in_order(versions)[-5:])
            raise NotServed(f"the registry has no {name}@{version}; its latest are {last or 'none'}")
        tarball = urljoin(base, dist["tarball"])
        if urlsplit(tarball).netloc != urlsplit(base).netloc:
            raise Malformed(f"the registry sends {name}@{version} to another host: not followed")
        try:
            answer = fetch.get(
                tarball, headers={"Accept-Encoding": "identity"}, robots=False, max_bytes=MAX_TARBALL_BYTES, inside=True
            )
        except CaptureProblem as problem:
            raise without_hosts(problem, base) from None
        file = _folder(fetch, name, version) / "package.tgz"
        file.write_bytes(answer.data)
        return file, _verified(file, dist, f"npm {name}@{version}")

    return fetch.once(("npm tarball", name, version), make)


# --- what the two registry ways share -------------------------------------------------------------------------


def _from_tarball(tarball: tuple[Path, str], name: str, version: str, wanted: Wanted) -> PackageFiles:
    path, digest = tarball
    read_tarball(path, wanted)
    parts = wanted.parts()
    return PackageFiles(
        parts, purl("npm", name, version, parts), wanted.modified_at, note=f"registry tarball, {digest} ok"
    )


def _verified(tarball: Path, dist: dict[str, Any], what: str) -> str:
    """Which digest the tarball matches; ``Malformed`` where it matches none or none is given."""
    size = tarball.stat().st_size
    if size > MAX_TARBALL_BYTES:
        raise TooLarge(f"{what} is an archive of {size:,} bytes; the bound is {MAX_TARBALL_BYTES:,}")
    integrity = str(dist.get("integrity") or "").split()
    strong = [item.partition("-")[2] for item in integrity if item.startswith("sha512-")]
    with tarball.open("rb") as file:
        if strong:
            kind, expected = "sha512", strong
            actual = base64.b64encode(hashlib.file_digest(file, "sha512").digest()).decode()
        elif re.fullmatch(r"[0-9a-f]{40}", str(dist.get("shasum") or "")):
            # Versions published before npm 5 (2017) have no other digest than SHA-1.
            kind, expected = "sha1", [str(dist["shasum"])]
            actual = hashlib.file_digest(file, "sha1").hexdigest()
        else:
            raise Malformed(f"{what}: the registry gives no digest to check the archive by: nothing was kept")
    if actual not in expected:
        raise Malformed(f"{what}: the archive does not match its {kind}: nothing was kept; run again later")
    return kind


def _neutral(fetch: Fetch) -> Path:
    """An empty folder: no project's own settings, which anyone may have written, are read there."""
    folder = fetch.client.scratch / "neutral"
    folder.mkdir(exist_ok=True)
    return folder


def _folder(fetch: Fetch, name: str, version: str) -> Path:
    """A folder of this run for one version; its name is a digest, so that no name leads elsewhere."""
    digest = hashlib.sha256(f"npm {name}@{version}".encode()).hexdigest()[:16]
    folder = fetch.client.scratch / digest
    folder.mkdir(parents=True, exist_ok=True)
    for stale in folder.glob("*.tgz"):
        stale.unlink()
    return folder


def _check_name(name: str) -> None:
    if len(name) > 214 or not _NAME.fullmatch(name):
        raise UsageError(f"{name!r} is not the name of an npm package: give one like world-atlas or @scope/name")


def _registry(name: str) -> tuple[str | None, bool]:
    """The registry's address, if known without a default of ours, and whether the user chose it."""
    for key, value in os.environ.items():
        if key.casefold() == "npm_config_registry" and value.strip():
            return value.strip(), True
    home = os.environ.get("HOME") or os.environ.get("USERPROFILE") or ""
    return _configured(name.partition("/")[0] if name.startswith("@") else "", home, shutil.which("npm"))


@lru_cache(maxsize=64)
def _configured(scope: str, home: str, npm: str | None) -> tuple[str | None, bool]:
    """The same from npm's own settings; asked once a process."""
    settings = _npmrc(Path(home) / ".npmrc") if home else {}
    if npm is None:
        base = settings.get(f"{scope}:registry") or settings.get("registry")
        return base, base is not None
    if f"{scope}:registry" in settings:
        return settings[f"{scope}:registry"], True
    ask = [npm, "config", "get", "registry"]
    try:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            own = tools.run(ask, folder=folder).out.strip()
            bare = tools.run(
                [*ask, f"--userconfig={folder / 'no'}", f"--globalconfig={folder / 'none'}"], folder=folder
            )
    except (OSError, Unreachable):
        return None, False
    base = own if own.startswith(("http://", "https://")) else None
    return base, base is not None and own != bare.out.strip()


def _npmrc(path: Path) -> dict[str, str]:
    """The registries an ``.npmrc`` names; nothing else of it is read."""
    try:
        text = path.read_text("utf-8", "replace")
    except OSError:
        return {}
    found = re.findall(r"(?m)^\s*((?:@[\w.~-]+:)?registry)\s*=\s*(\S+)\s*$", text)
    return {key: value for key, value in found if value.startswith(("http://", "https://"))}
