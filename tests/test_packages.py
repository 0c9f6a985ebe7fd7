"""``packages``: an exact version's files arrive verified whichever way answers, or the problem names every way."""

from __future__ import annotations

import gzip
import io
import random
import shutil
import tarfile
import zipfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from borderwatch.errors import Malformed, NotServed, TooLarge, Unreachable, UsageError
from borderwatch.fetch import Client
from borderwatch.packages import archives, npm, npm_files, npm_versions, pypi, pypi_files, pypi_versions, tools
from tests.replay import Replay, Reply, error_page, json_reply, page_reply, tarball, too_many, wheel

FILES = {"countries.json": b'{"type": "Topology"}', "dist/world.json": b"[1, 2]", "README.md": b"words"}
HAS_NPM = shutil.which("npm") is not None


@pytest.fixture(
    params=["protocol", pytest.param("client", marks=pytest.mark.skipif(not HAS_NPM, reason="no npm here"))]
)
def registry(request: pytest.FixtureRequest, replay: Replay, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Replay:
    """The replay server as the registry the user has set up, asked by our own protocol or by the real npm."""
    monkeypatch.setenv("npm_config_registry", replay.base + "/")
    monkeypatch.setenv("npm_config_cache", str(tmp_path / "cache"))
    if request.param == "protocol":
        monkeypatch.setattr(npm.shutil, "which", lambda _: None)
    return replay


@pytest.fixture(params=["protocol", "client"])
def index(request: pytest.FixtureRequest, replay: Replay, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Replay:
    """The replay server as the index, asked by our own protocol or by the real pip."""
    monkeypatch.setenv("PIP_INDEX_URL", replay.base + "/simple/")
    monkeypatch.setenv("PIP_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(pypi, "_has_pip", lambda: request.param == "client")
    return replay


@pytest.fixture
def only_cdn(replay: Replay, monkeypatch: pytest.MonkeyPatch) -> Replay:
    monkeypatch.delenv("npm_config_registry")
    monkeypatch.setattr(npm, "_registry", lambda _: (None, False))
    monkeypatch.setattr(npm.shutil, "which", lambda _: None)
    return replay


# --- npm ------------------------------------------------------------------------------------------


def packed(name: str, version: str, files: Mapping[str, bytes] = FILES, **how: float) -> bytes:
    """An npm tarball with the ``package.json`` the real client insists on."""
    about = f'{{"name": "{name}", "version": "{version}"}}'.encode()
    return tarball({"package.json": about, **files}, **how)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["world-atlas", "@scope/world-atlas"])
def test_a_registrys_files_arrive_verified(registry: Replay, name: str) -> None:
    registry.npm(name, {v: packed(name, v) for v in ("2.0.0", "10.0.0", "2.0.0-rc.1")})
    with registry.client() as client:
        fetch = client.asking()
        assert npm_versions(fetch, name) == ("2.0.0", "10.0.0")
        assert npm_versions(fetch, name, prereleases=True) == ("2.0.0-rc.1", "2.0.0", "10.0.0")
        one = npm_files(fetch, name, "2.0.0", ["dist/world.json"])
        two = npm_files(fetch, name, "2.0.0", lambda path: path.endswith(".json") and path != "package.json")
    assert [(part.name, part.data) for part in one.parts] == [("dist/world.json", b"[1, 2]")]
    assert one.url == f"pkg:npm/{name.replace('@', '%40')}@2.0.0#dist/world.json"
    assert [part.name for part in two.parts] == ["countries.json", "dist/world.json"]
    assert two.url == f"pkg:npm/{name.replace('@', '%40')}@2.0.0"
    assert one.note == "registry tarball, sha512 ok"
    assert one.modified_at == {}, "1985-10-26 is npm's time, not the file's"
    tarballs = [path for path in registry.paths() if path.endswith(".tgz")]
    assert len(tarballs) == 1, "several layers of one version are one download"


def test_a_member_keeps_its_own_time_where_it_has_one(registry: Replay) -> None:
    registry.npm("old", {"1.0.0": packed("old", "1.0.0", mtime=datetime(2016, 11, 3, tzinfo=UTC).timestamp())})
    with registry.client() as client:
        files = npm_files(client.asking(), "old", "1.0.0", ["README.md"])
    assert files.modified_at == {"README.md": datetime(2016, 11, 3, tzinfo=UTC)}


def test_a_tarball_that_is_not_what_was_published_is_refused(registry: Replay) -> None:
    wrong = "sha512-" + "A" * 86 + "=="
    registry.npm("atlas", {"1.0.0": packed("atlas", "1.0.0")}, integrity=wrong)
    with registry.client() as client, pytest.raises(Malformed, match=r"sha512|EINTEGRITY"):
        npm_files(client.asking(), "atlas", "1.0.0", ["README.md"])


def test_a_version_that_does_not_exist_is_not_served(registry: Replay) -> None:
    registry.npm("atlas", {"1.0.0": packed("atlas", "1.0.0")})
    with registry.client() as client, pytest.raises(NotServed, match=r"atlas@9\.9\.9"):
        npm_files(client.asking(), "atlas", "9.9.9", ["README.md"])
    with registry.client() as client, pytest.raises(NotServed, match="nothing-here"):
        npm_versions(client.asking(), "nothing-here")


def test_a_missing_file_is_named_with_those_near_it(registry: Replay) -> None:
    registry.npm("atlas", {"1.0.0": packed("atlas", "1.0.0")})
    with registry.client() as client, pytest.raises(NotServed, match=r"'world\.json'.*near: 'dist/world\.json'"):
        npm_files(client.asking(), "atlas", "1.0.0", ["world.json"])
    assert not any("jsdelivr" in asked.host for asked in registry.asked), "no other way would find it"


def test_no_problem_names_the_registry(registry: Replay) -> None:
    host = registry.base.removeprefix("http://")
    registry.on("local", "/atlas", too_many(3600))
    registry.on("local", "/broken", error_page())
    with registry.client() as client:
        for name in ("atlas", "broken"):
            with pytest.raises((Unreachable, Malformed, NotServed, npm.RateLimited)) as caught:
                npm_versions(client.asking(), name)
            assert host not in str(caught.value)
            assert caught.value.url is None or host not in caught.value.url


def test_an_sha1_is_checked_where_there_is_nothing_better(registry: Replay) -> None:
    registry.npm("atlas", {"1.0.0": packed("atlas", "1.0.0")}, integrity=None)
    with registry.client() as client:
        assert npm_files(client.asking(), "atlas", "1.0.0", ["README.md"]).note == "registry tarball, sha1 ok"


def test_a_tarball_at_another_host_is_not_fetched(replay: Replay, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(npm.shutil, "which", lambda _: None)
    monkeypatch.setenv("npm_config_registry", replay.base)
    replay.npm("atlas", {"1.0.0": packed("atlas", "1.0.0")}, tarball="https://elsewhere.example.org/x.tgz")
    with replay.client() as client, pytest.raises(Malformed, match="another host"):
        npm_files(client.asking(), "atlas", "1.0.0", ["README.md"])
    assert not any(asked.host == "elsewhere.example.org" for asked in replay.asked)


# --- the CDN ---------------------------------------------------------------------------------------


def test_the_cdns_files_arrive_verified(only_cdn: Replay) -> None:
    only_cdn.jsdelivr("@scope/atlas", {"1.0.0": FILES, "1.10.0": FILES, "1.9.0": FILES})
    with only_cdn.client() as client:
        assert npm_versions(client.asking(), "@scope/atlas") == ("1.0.0", "1.9.0", "1.10.0")
        files = npm_files(client.asking(), "@scope/atlas", "1.9.0", ["dist/world.json", "countries.json"])
    assert [part.name for part in files.parts] == ["dist/world.json", "countries.json"], "in the order asked for"
    assert files.note == "CDN, sha256 ok"
    assert files.url == "pkg:npm/%40scope/atlas@1.9.0"


@pytest.mark.parametrize("fault", ["wrong bytes", "html", "no hashes", "outside"])
def test_a_cdn_that_lies_is_caught(only_cdn: Replay, fault: str) -> None:
    only_cdn.jsdelivr("atlas", {"1.0.0": FILES})
    if fault == "wrong bytes":
        only_cdn.on("cdn.jsdelivr.net", "/npm/atlas@1.0.0/countries.json", data=b"something else")
    elif fault == "html":
        only_cdn.on("data.jsdelivr.com", "/v1/packages/npm/atlas@1.0.0", error_page())
    elif fault == "no hashes":
        only_cdn.on("data.jsdelivr.com", "/v1/packages/npm/atlas@1.0.0", json={"files": [{"name": "/countries.json"}]})
    else:
        listing = {"files": [{"name": "/../../countries.json", "hash": "", "size": 1}]}
        only_cdn.on("data.jsdelivr.com", "/v1/packages/npm/atlas@1.0.0", json=listing)
    with only_cdn.client() as client, pytest.raises(Malformed):
        npm_files(client.asking(), "atlas", "1.0.0", lambda path: path.endswith("countries.json"))


def test_the_default_registry_stands_behind_the_cdn_and_a_chosen_one_before_it(
    replay: Replay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("npm_config_registry")
    monkeypatch.setattr(npm.shutil, "which", lambda _: None)
    replay.jsdelivr("atlas", {"1.0.0": FILES})
    replay.npm("atlas", {"1.0.0": packed("atlas", "1.0.0")})
    for chosen, note in ((False, "CDN, sha256 ok"), (True, "registry tarball, sha512 ok")):
        monkeypatch.setattr(npm, "_registry", lambda _, chosen=chosen: (replay.base, chosen))
        with replay.client() as client:
            assert npm_files(client.asking(), "atlas", "1.0.0", ["README.md"]).note == note


def test_the_next_way_is_taken_where_the_first_fails(replay: Replay, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(npm.shutil, "which", lambda _: None)
    monkeypatch.setattr(npm, "_registry", lambda _: (replay.base, False))
    replay.npm("atlas", {"1.0.0": packed("atlas", "1.0.0")})
    for fault in (Reply(status=503), error_page(), too_many(9999), Reply(status=403)):
        replay.on("data.jsdelivr.com", "/v1/packages/npm/atlas@1.0.0", fault)
        with replay.client() as client:
            files = npm_files(client.asking(), "atlas", "1.0.0", ["README.md"])
        assert files.note == "registry tarball, sha512 ok"


def test_many_files_are_one_tarball_not_a_question_each(replay: Replay, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {f"main/{n}/territories.json": b"{}" for n in range(200)}
    monkeypatch.setattr(npm.shutil, "which", lambda _: None)
    monkeypatch.setattr(npm, "_registry", lambda _: (replay.base, False))
    replay.jsdelivr("names", {"1.0.0": files})
    replay.npm("names", {"1.0.0": packed("names", "1.0.0", files)})
    with replay.client() as client:
        found = npm_files(client.asking(), "names", "1.0.0", lambda path: path.endswith("territories.json"))
    assert len(found.parts) == 200
    assert len(replay.paths()) < 5


def test_without_a_network_every_way_is_named(no_network: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(npm, "_registry", lambda _: (None, False))
    with Client() as client, pytest.raises(Unreachable, match=r"CDN: .*resolved"):
        npm_versions(client.asking(), "atlas")


@pytest.mark.skipif(not HAS_NPM, reason="no npm here")
def test_a_registry_out_of_reach_is_asked_once_a_run(replay: Replay, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[object] = []
    run = tools.run
    monkeypatch.setattr(tools, "run", lambda *args, **kwargs: calls.append(args) or run(*args, **kwargs))
    replay.on("data.jsdelivr.com", "*", Reply(status=500))
    with replay.client() as client:  # the guard's dead end is the registry
        for name in ("a", "b", "c"):
            with pytest.raises(Unreachable, match=r"npm: .*; CDN: "):
                npm_versions(client.asking(), name)
    assert len(calls) == 1


@pytest.mark.parametrize("has_npm", [False, pytest.param(True, marks=pytest.mark.skipif(not HAS_NPM, reason="no npm"))])
def test_the_registry_is_the_one_npm_is_set_up_for(
    has_npm: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A registry in ``.npmrc`` was chosen by the user; the default built into npm was not."""
    monkeypatch.delenv("npm_config_registry")
    monkeypatch.setenv("HOME", str(tmp_path))
    if not has_npm:
        monkeypatch.setattr(npm.shutil, "which", lambda _: None)
    base, chosen = npm._registry("atlas")
    assert not chosen
    assert (base is not None) == has_npm
    npm._configured.cache_clear()
    (tmp_path / ".npmrc").write_text(
        "//127.0.0.1:1/:_authToken=abcdef\nregistry = http://127.0.0.1:1/own/\n@scope:registry=http://127.0.0.1:2/\n"
    )
    assert npm._registry("atlas") == ("http://127.0.0.1:1/own/", True)
    assert npm._registry("@scope/atlas") == ("http://127.0.0.1:2/", True)
    npm._configured.cache_clear()


# --- PyPI -------------------------------------------------------------------------------------------------


SHAPES = {"pkg/data/low.shp": b"shp", "pkg/data/low.dbf": b"dbf", "pkg/__init__.py": b""}


def wheel_of(name: str, version: str, files: Mapping[str, bytes] = SHAPES) -> bytes:
    """A wheel with the metadata the real pip insists on."""
    info = f"{name}-{version}.dist-info"
    about = {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/RECORD": b"",
    }
    return wheel({**files, **about})


@pytest.mark.parametrize("html", [False, True])
def test_a_wheels_files_arrive_verified(index: Replay, html: bool) -> None:
    wheels = {f"geo_pandas-{v}-py3-none-any.whl": wheel_of("geo_pandas", v) for v in ("0.5.0", "0.12.0", "1.0rc1")}
    index.index("geo-pandas", wheels, html=html)
    with index.client() as client:
        fetch = client.asking()
        assert pypi_versions(fetch, "Geo_Pandas") == ("0.5.0", "0.12.0")
        assert pypi_versions(fetch, "geo-pandas", prereleases=True)[-1] == "1.0rc1"
        files = pypi_files(fetch, "geo-pandas", "0.5.0", ["pkg/data/low.shp", "pkg/data/low.dbf"])
        again = pypi_files(fetch, "geo-pandas", "0.5.0", lambda path: path.endswith(".shp"))
    assert [part.data for part in files.parts] == [b"shp", b"dbf"]
    assert again.url == "pkg:pypi/geo-pandas@0.5.0#pkg/data/low.shp"
    assert files.modified_at["pkg/data/low.shp"] == datetime(2019, 4, 25, 12, tzinfo=UTC)
    assert "sha256" in files.note
    assert sum(path.startswith("/files/geo_pandas-0.5.0") for path in index.paths()) == 1


def test_a_wheel_that_is_not_what_was_published_is_refused(index: Replay) -> None:
    index.index("geo", {"geo-1.0-py3-none-any.whl": wheel_of("geo", "1.0")})
    index.on("local", "/files/geo-1.0-py3-none-any.whl", data=wheel_of("geo", "1.0", {"pkg/x": b"other"}))
    with index.client() as client, pytest.raises(Malformed):
        pypi_files(client.asking(), "geo", "1.0", ["pkg/data/low.shp"])


def test_a_release_that_does_not_exist_is_not_served(index: Replay) -> None:
    index.index("geo", {"geo-1.0-py3-none-any.whl": wheel_of("geo", "1.0")})
    with index.client() as client, pytest.raises(NotServed, match=r"geo 2\.0.*1\.0"):
        pypi_files(client.asking(), "geo", "2.0", ["x"])


def test_a_source_archive_is_read_and_never_run(index: Replay, tmp_path: Path) -> None:
    proof = tmp_path / "proof"
    evil = f"open({str(proof)!r}, 'w').close()".encode()
    sdist = tarball({"setup.py": evil, "data/low.shp": b"shp"}, root="geo-1.0/", mtime=1_467_331_200)
    index.index("geo", {"geo-1.0.tar.gz": sdist})
    with index.client() as client:
        files = pypi_files(client.asking(), "geo", "1.0", ["data/low.shp"])
    assert files.parts[0].data == b"shp"
    assert files.note == "source archive from the index, sha256 ok"
    assert not proof.exists()


@pytest.mark.parametrize(
    "reply",
    [
        error_page(),
        json_reply({"files": "none"}),
        Reply(b""),
        page_reply("<html><body><a href='x'>y</a></body></html>"),
    ],
)
def test_an_index_that_answers_something_else_is_not_an_empty_history(
    replay: Replay, monkeypatch: pytest.MonkeyPatch, reply: Reply
) -> None:
    monkeypatch.setattr(pypi, "_has_pip", lambda: False)
    monkeypatch.setenv("PIP_INDEX_URL", replay.base + "/simple")
    replay.on("local", "/simple/geo/", reply)
    with replay.client() as client, pytest.raises(Malformed):
        assert pypi_versions(client.asking(), "geo")


def test_without_a_client_or_an_index_the_way_out_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pypi, "_has_pip", lambda: False)
    monkeypatch.delenv("PIP_INDEX_URL")
    with Client() as client, pytest.raises(Unreachable, match="install the package client"):
        pypi_versions(client.asking(), "geo")


# --- hostile archives -----------------------------------------------------------------------------------------


def read_tar(data: bytes, tmp_path: Path, paths: archives.Paths) -> archives.Wanted:
    file = tmp_path / "a.tgz"
    file.write_bytes(data)
    wanted = archives.Wanted(paths, "npm x@1.0.0")
    archives.read_tarball(file, wanted)
    return wanted


@pytest.mark.parametrize("name", ["../../etc/passwd", "package/../../x", "/etc/passwd", "C:/x", "package\\..\\x"])
def test_a_member_that_leads_outside_condemns_the_archive(tmp_path: Path, name: str) -> None:
    with pytest.raises(Malformed, match="leads outside"):
        read_tar(tarball({name: b"x", "ok": b"y"}, root=""), tmp_path, ["ok"])
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(name.replace("\\", "\\"), b"x")
        archive.writestr("ok", b"y")
    (tmp_path / "a.zip").write_bytes(out.getvalue())
    with pytest.raises(Malformed, match="leads outside"):
        archives.read_zip(tmp_path / "a.zip", archives.Wanted(["ok"], "x"))


def test_a_link_is_not_a_file(tmp_path: Path) -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        link = tarfile.TarInfo("package/world.json")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    with pytest.raises(NotServed):
        read_tar(out.getvalue(), tmp_path, ["world.json"]).parts()


def test_a_file_given_twice_is_given_not_at_all(tmp_path: Path) -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for body in (b"first", b"second"):
            member = tarfile.TarInfo("package/world.json")
            member.size = len(body)
            archive.addfile(member, io.BytesIO(body))
    with pytest.raises(Malformed, match="twice"):
        read_tar(out.getvalue(), tmp_path, ["world.json"])


def test_bombs_are_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "MAX_UNPACKED_BYTES", 1_000_000)
    with pytest.raises(TooLarge):
        read_tar(tarball({"pad": b"\0" * 5_000_000, "x": b"y"}), tmp_path, ["x"])
    header = tarfile.TarInfo("package/x")
    header.size, header.type = 4_000_000_000, tarfile.XHDTYPE  # a header that announces 4 GB of itself
    with pytest.raises((TooLarge, Malformed)):
        read_tar(gzip.compress(header.tobuf() + b"\0" * 3_000_000), tmp_path, ["x"])
    monkeypatch.setattr(archives, "MAX_MEMBER_BYTES", 1000)
    with pytest.raises(TooLarge):
        read_tar(tarball({"x": b"y" * 1001}), tmp_path, ["x"])
    monkeypatch.setattr(archives, "MAX_MEMBERS", 10)
    with pytest.raises(TooLarge):
        read_tar(tarball({f"f{n}": b"" for n in range(20)}), tmp_path, ["f1"])


@given(st.integers(0, 2**32 - 1))
def test_a_damaged_archive_is_malformed_whatever_the_damage(seed: int) -> None:
    import tempfile

    chance = random.Random(seed)  # noqa: S311 - not a secret
    with tempfile.TemporaryDirectory() as folder:
        for kind, whole in (("tgz", tarball(FILES)), ("zip", wheel(FILES))):
            data = bytearray(whole[: chance.randrange(len(whole))] if chance.random() < 0.5 else whole)
            for _ in range(chance.randrange(1, 6)):
                if data:
                    data[chance.randrange(len(data))] = chance.randrange(256)
            path = Path(folder) / f"a.{kind}"
            path.write_bytes(bytes(data))
            wanted = archives.Wanted(lambda _: True, "x")
            try:
                (archives.read_tarball if kind == "tgz" else archives.read_zip)(path, wanted)
            except (Malformed, TooLarge):
                continue
            assert set(map(len, wanted.found.values())) <= {0, *range(1000)}


# --- names, versions, times -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["", "-h", "--version", "../x", "a b", "@a", "a/b", "@a/b/c", "a" * 300, "http://x", "x\n"]
)
def test_a_name_that_could_be_read_as_something_else_is_refused(name: str) -> None:
    with Client() as client:
        for ask in (npm_versions, pypi_versions):
            with pytest.raises(UsageError):
                ask(client.asking(), name)


@pytest.mark.parametrize("version", ["", "latest", "^1.0.0", "1", "1.0", "1.0.0 || 2.0.0", "-1.0.0", "1.0.0\n"])
def test_only_an_exact_version_is_an_edition(version: str) -> None:
    with Client() as client, pytest.raises(UsageError, match="exact version"):
        npm_files(client.asking(), "atlas", version, ["x"])


@pytest.mark.parametrize("paths", [["/etc/passwd"], ["../x"], ["a\\b"], [""], "dist/world.json"])
def test_a_path_outside_the_package_is_the_callers_mistake(paths: archives.Paths) -> None:
    with pytest.raises(UsageError):
        archives.Wanted(paths, "x")


def test_versions_stand_in_the_order_of_semver() -> None:
    marks = ["-alpha", "-alpha.1", "-alpha.beta", "-beta", "-beta.2", "-beta.11", "-rc.1", ""]
    order = ["1.0.0" + mark for mark in marks]
    shuffled = random.Random(7).sample(order, len(order))  # noqa: S311 - not a secret
    assert npm.versions_in_order(shuffled, prereleases=True) == tuple(order), "the example of semver.org, 11"
    assert npm.versions_in_order(["1.10.0", "1.9.0", "v1", "1.0", "garbage", "01.0.0"]) == ("1.9.0", "1.10.0")


def test_a_packers_time_dates_nothing() -> None:
    for when in ((1970, 1, 1), (1980, 1, 1), (1984, 6, 22), (1985, 10, 26), (2020, 2, 2), (2199, 1, 1)):
        assert not archives.is_sane(datetime(*when, tzinfo=UTC))
    assert archives.is_sane(datetime(2016, 11, 3, tzinfo=UTC))


# --- the real registries ------------------------------------------------------------------------------------------


@pytest.mark.live
def test_live_an_npm_package() -> None:
    with Client() as client:
        fetch = client.asking()
        assert "2.0.2" in npm_versions(fetch, "world-atlas")
        files = npm_files(fetch, "world-atlas", "2.0.2", ["countries-110m.json"])
    assert len(files.parts[0].data) == 107_761
    assert files.note.endswith("ok")


@pytest.mark.live
def test_live_a_scoped_npm_package() -> None:
    with Client() as client:
        files = npm_files(client.asking(), "@rapideditor/country-coder", "5.6.1", ["src/data/borders.json"])
    assert files.parts[0].data.startswith(b"{")


@pytest.mark.live
def test_live_a_pypi_package() -> None:
    with Client() as client:
        fetch = client.asking()
        assert "0.12.2" in pypi_versions(fetch, "geopandas")
        files = pypi_files(fetch, "geopandas", "0.5.0", lambda path: path.endswith("naturalearth_lowres.shp"))
    assert files.modified_at["geopandas/datasets/naturalearth_lowres/naturalearth_lowres.shp"].year == 2019
