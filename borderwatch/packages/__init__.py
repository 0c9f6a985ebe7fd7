"""Published packages as dated editions: exact versions of npm and PyPI packages, verified, by whichever way answers."""

from __future__ import annotations

from borderwatch.packages.archives import PackageFiles
from borderwatch.packages.npm import npm_files, npm_versions
from borderwatch.packages.pypi import pypi_files, pypi_versions

__all__ = ["PackageFiles", "npm_files", "npm_versions", "pypi_files", "pypi_versions"]
