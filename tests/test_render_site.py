"""Laws of what lies beside the pages of disputes: changes, feeds, data, pictures; made once, valid, and safe."""

from __future__ import annotations

import io
import json
import pickle
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
import shapely

from borderwatch.models import Change, DisputePage, Kind, Significance, ViewCard
from borderwatch.render import site as whole
from borderwatch.render import speaking, write_site
from borderwatch.render.change import _commands, _package
from tests import render_samples as samples
from tests.test_render import Outline

ATOM = "{http://www.w3.org/2005/Atom}"
GROUND, LINE = "a" * 16, "b" * 16


def wrote(out: Path, pages: list[DisputePage] | None = None, **more: object) -> Path:
    pages = [samples.changed_page(), samples.name_page()] if pages is None else pages
    about: dict[str, object] = {"made_at": samples.MADE, "views": [ViewCard(samples.VIEW)], **more}
    write_site(pages, [samples.card()], out, **about)  # type: ignore[arg-type]
    return out


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def stamps(out: Path) -> Mapping[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in out.rglob("*") if path.is_file()}


def named(page: DisputePage, old: str, new: str) -> DisputePage:
    change = replace(
        page.changes[0], kind=Kind.RENAMED, geometry=None, area_km2=None, loser=None, gainer=None, subject="ar",
        old=old, new=new, inradius_km=None, noise_floor_km=None, ratio=None, limit_km=None, share=None,
    )  # fmt: skip
    return replace(page, changes=(change,))


def test_every_change_has_a_page_its_data_and_a_picture(tmp_path: Path) -> None:
    out = wrote(tmp_path) / "changes"
    for change in (GROUND, LINE):
        outline = Outline(text_of(out / f"{change}.html"))
        held = json.loads(text_of(out / f"{change}.json"))
        assert held["id"] == change
        assert held["before"]["body_sha256"] in outline.text
        assert held["after"]["capture"] in outline.text
        shape = json.loads(text_of(out / f"{change}.geojson"))["features"][0]
        assert shape["properties"]["id"] == change
        assert shape["properties"]["after_body_sha256"] == held["after"]["body_sha256"]
    exact = json.loads(text_of(out / f"{GROUND}.geojson"))["features"][0]["geometry"]
    assert shapely.equals_exact(shapely.from_geojson(json.dumps(exact)), samples.GROUND, normalize=True)


def test_a_page_tells_the_numbers_with_floor_and_limit(tmp_path: Path) -> None:
    text = Outline(text_of(wrote(tmp_path) / "changes" / f"{GROUND}.html")).text
    for told in (
        "39,000 km²",
        "80.0 km",
        "1.2 km",
        "66.7 ×",
        "2.0 km",
        "99 %",
        "at least 3",
        "CC0",
        "pkg:npm/atlas@2.0",
    ):
        assert told in text, told
    assert "drawn as Ukraine before, is drawn as Russia" in text


def test_a_page_stays_below_400_kb_and_loads_nothing(tmp_path: Path) -> None:
    import numpy as np

    angle = np.linspace(0, 2 * np.pi, 60_000, endpoint=False)
    radius = 1 + 0.02 * np.sin(angle * 900)
    coast = shapely.Polygon(np.column_stack([34.5 + 1.2 * radius * np.cos(angle), 45.2 + 0.6 * radius * np.sin(angle)]))
    page = samples.changed_page()
    sketches = {key: (*some, replace(some[0], geometry=coast, label="coast")) for key, some in page.sketches.items()}
    path = wrote(tmp_path, [replace(page, sketches=sketches)]) / "changes" / f"{GROUND}.html"
    assert path.stat().st_size <= 400_000
    outline = Outline(text_of(path))
    assert [a for tag, a in outline.elements if "src" in a or tag in {"iframe", "object", "base"}] == []
    links = [a for a in outline.all("link") if a.get("rel") not in {"alternate", "icon"}]
    assert links == []


def test_a_name_needs_no_map_and_no_geojson(tmp_path: Path) -> None:
    out = wrote(tmp_path, [named(samples.changed_page(), "خليج", "الخليج")]) / "changes"
    text = text_of(out / f"{GROUND}.html")
    assert 'class="folium-map"' not in text
    assert not (out / f"{GROUND}.geojson").exists()
    assert '<bdi dir="auto" lang="ar">الخليج</bdi>' in text
    assert len(text) < 60_000


def test_what_says_the_same_is_not_written_again(tmp_path: Path) -> None:
    before = stamps(wrote(tmp_path))
    assert stamps(wrote(tmp_path, made_at=samples.MADE + timedelta(days=2))) == before
    ground, line = samples.changed_page().changes
    after = stamps(
        wrote(tmp_path, [samples.changed_page(changes=(ground, replace(line, length_km=9.0))), samples.name_page()])
    )
    rewritten = {Path(path).name for path, stamp in after.items() if before.get(path) != stamp}
    assert f"{LINE}.html" in rewritten
    assert f"{GROUND}.png" not in rewritten


def test_a_page_lost_is_made_again(tmp_path: Path) -> None:
    lost = wrote(tmp_path) / "changes" / f"{GROUND}.png"
    lost.unlink()
    wrote(tmp_path)
    assert lost.is_file()


def test_the_pages_of_changes_that_are_gone_go_too(tmp_path: Path) -> None:
    out = wrote(tmp_path)
    mine = out / "changes" / "kept.html"
    mine.write_text("not ours", encoding="utf-8")
    ground, _line = samples.changed_page().changes
    wrote(tmp_path, [samples.changed_page(changes=(ground,))])
    assert not list((out / "changes").glob(f"{LINE}.*"))
    assert (out / "changes" / f"{GROUND}.html").is_file()
    assert mine.is_file()


def test_drawing_one_dispute_leaves_the_others_alone(tmp_path: Path) -> None:
    before = stamps(wrote(tmp_path))
    write_site([samples.name_page()], [samples.card()], tmp_path, made_at=samples.MADE, only={"gulf"})
    assert stamps(tmp_path) == before


def test_the_work_can_be_sent_to_another_process(tmp_path: Path) -> None:
    from borderwatch.disputes import catalogue

    page = replace(samples.changed_page(), dispute=catalogue().get("crimea"))
    jobs = whole.jobs_of([page], [], {}, tmp_path, made_at=samples.MADE, site="")
    sent = [pickle.loads(pickle.dumps(job)) for job in jobs]  # noqa: S301 - our own bytes
    assert [set(whole.write_changes(job)) for job in sent] == [{GROUND, LINE}]


def test_a_change_elsewhere_has_a_page(tmp_path: Path) -> None:
    ground = replace(samples.changed_page().changes[0], id="c" * 16, dispute=None)
    out = wrote(tmp_path, elsewhere=[ground])
    assert "ground outside every watched dispute" in text_of(out / "changes" / f"{'c' * 16}.html")
    assert "c" * 16 in text_of(out / "changes.atom")


# --- feeds, sitemap, robots ---------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["changes.atom", "disputes/square.atom", "feeds/atlas.atom"])
@pytest.mark.parametrize("site", ["", "https://maps.example.org/"])
def test_a_feed_is_valid_atom(path: str, site: str, tmp_path: Path) -> None:
    root = ET.parse(wrote(tmp_path, site=site) / path).getroot()
    assert root.tag == f"{ATOM}feed"
    for element in (root, *root.iter(f"{ATOM}entry")):
        for name in ("id", "title", "updated"):
            assert len(element.findall(f"{ATOM}{name}")) == 1, name
        assert re.fullmatch(r"urn:uuid:[0-9a-f-]{36}", element.findtext(f"{ATOM}id") or "")
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", element.findtext(f"{ATOM}updated") or "")
        assert [link.get("rel") for link in element.findall(f"{ATOM}link")].count("alternate") == 1
    assert root.find(f"{ATOM}author/{ATOM}name") is not None
    entries = root.findall(f"{ATOM}entry")
    assert len({entry.findtext(f"{ATOM}id") for entry in entries}) == len(entries) == 2
    assert all((entry.findtext(f"{ATOM}summary") or "").strip() for entry in entries)
    for entry in entries:
        href = entry.findall(f"{ATOM}link")[0].get("href") or ""
        place = tmp_path / href.removeprefix(site) if site else (tmp_path / path).parent / href
        assert place.is_file()
    links = {link.get("rel"): link.get("href") for link in root.findall(f"{ATOM}link")}
    assert links.get("self") == (f"{site}{path}" if site else None)


def test_a_feeds_entry_keeps_its_id_wherever_and_in_whatever_language(tmp_path: Path) -> None:
    def ids(out: Path) -> list[str | None]:
        return [element.text for element in ET.parse(out / "changes.atom").getroot().iter(f"{ATOM}id")]

    here = ids(wrote(tmp_path / "a"))
    with speaking("es"):
        there = ids(wrote(tmp_path / "b", site="https://mapas.example.org/"))
    assert here == there


def test_no_outside_text_breaks_a_feed_or_data(tmp_path: Path) -> None:
    ugly = tuple(replace(c, id=f"{i}" * 16) for i, c in enumerate(samples.hostile_page().changes))
    out = wrote(tmp_path, [replace(samples.hostile_page(), changes=ugly)])
    for path in out.rglob("*.atom"):
        ET.parse(path)
        assert "<script>window" not in text_of(path)
    for path in (*out.rglob("*.json"), *out.rglob("*.geojson")):
        json.loads(text_of(path))
        assert not re.search("[\u202a-\u202e\u2066-\u2069]", text_of(path))
    for path in out.rglob("*.html"):
        text = text_of(path)
        outline = Outline(text)
        assert [a for a in outline.all("img") if a.get("src") == "x"] == []
        assert [a for _, a in outline.elements if any(key.startswith("on") for key in a)] == []
        assert [a for a in outline.all("a") if (a.get("href") or "").lower().startswith("javascript")] == []
        assert samples.LONG[:2000] not in text
        assert "1337" not in outline.text


def test_sitemap_and_robots_name_every_page_where_they_are_published(tmp_path: Path) -> None:
    out = wrote(tmp_path, site="https://maps.example.org/atlas/")
    named = [element.text or "" for element in ET.parse(out / "sitemap.xml").getroot().findall(".//{*}loc")]
    assert all(address.startswith("https://maps.example.org/atlas/") for address in named)
    assert f"https://maps.example.org/atlas/changes/{GROUND}.html" in named
    assert "Sitemap: https://maps.example.org/atlas/sitemap.xml" in text_of(out / "robots.txt")
    assert "Sitemap" not in text_of(wrote(tmp_path / "local") / "robots.txt")
    card = re.search(r'property="og:image" content="([^"]+)"', text_of(out / "changes" / f"{GROUND}.html"))
    assert card is not None
    assert card[1] == f"https://maps.example.org/atlas/changes/{GROUND}.png"


def test_the_index_as_data_has_a_state_in_every_cell(tmp_path: Path) -> None:
    held = json.loads(text_of(wrote(tmp_path) / "index.json"))
    assert {len(row) for row in held["cells"].values()} == {len(held["columns"])}
    assert all(cell["state"] for row in held["cells"].values() for cell in row)
    dispute = json.loads(text_of(tmp_path / "disputes" / "square.json"))
    assert dispute["changes"] == [LINE, GROUND] or dispute["changes"] == [GROUND, LINE]
    assert dispute["views"][0]["shares"] == [{"owner": "RU", "share": 0.97, "area_km2": 38_000.0}]


# --- pictures and commands ----------------------------------------------------------------------------


def picture(path: Path) -> object:
    image = pytest.importorskip("PIL.Image")
    return image.open(io.BytesIO(path.read_bytes()))


def test_a_card_is_a_picture_that_shows_what_changed(tmp_path: Path) -> None:
    shown = picture(wrote(tmp_path) / "changes" / f"{GROUND}.png").convert("RGB")  # type: ignore[attr-defined]
    assert shown.size == (1200, 630)
    orange = sum(n for n, (r, g, b) in shown.getcolors(1 << 24) if r > 190 and 60 < g < 130 and b < 60)
    assert orange > 1200 * 12 + 3000  # the stripe on top, and the hatching


def test_the_same_change_makes_the_same_picture(tmp_path: Path) -> None:
    first, second = (wrote(tmp_path / name) / "changes" / f"{GROUND}.png" for name in "ab")
    assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize("text", ["Ḷ中文", "الخليج", "\u202eevil", "x" * 10_000, "", "<script>"])
def test_a_card_survives_any_name(text: str, tmp_path: Path) -> None:
    out = wrote(tmp_path, [named(samples.changed_page(), text, text + "é")])
    assert picture(out / "changes" / f"{GROUND}.png").size == (1200, 630)  # type: ignore[attr-defined]


def test_commands_hold_nothing_a_shell_could_act_on() -> None:
    def ugly(change: Change) -> Change:
        view = replace(change.view, source="x; rm -rf ~")
        capture = replace(change.after, url="pkg:npm/$(id)@1.0#a", body="a" * 63 + ";", view=view)
        return replace(change, view=view, dispute="a && b", before=capture, after=capture)

    change = ugly(samples.changed_page().changes[0])
    assert [command for _label, command in _commands(change)] == [
        "borderwatch run --offline --with-history",
        "borderwatch verify",
    ]
    assert _package(change.after) == ""
    assert _package(samples.changed_page().changes[0].after) == (
        "npm pack atlas@2.0 && tar -xzOf *.tgz package/world.json | sha256sum"
    )


def test_minor_and_weighty_changes_are_told_apart(tmp_path: Path) -> None:
    out = wrote(tmp_path) / "changes"
    assert samples.changed_page().changes[1].significance is Significance.MINOR
    assert "A smaller change" in text_of(out / f"{LINE}.html")
    assert "A change of substance" in text_of(out / f"{GROUND}.html")
