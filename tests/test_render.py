"""Laws of the pages: they stand alone, say everything, take no side, and let no outside text act."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from borderwatch.errors import StoreError
from borderwatch.models import DisputePage, Kind, Significance
from borderwatch.render import words as w
from borderwatch.render import write_index, write_pages
from borderwatch.render.drawing import GRID, Easel, frame_around, window_around
from borderwatch.render.maps import MOST_STEPS, map_of_dispute
from borderwatch.render.pages import json_for_html
from tests import render_samples as samples


class Outline(HTMLParser):
    """What a parser makes of a page: its elements, and the text outside scripts and styles."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.said: list[str] = []
        self._raw = 0
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._raw += tag in {"script", "style"}

    def handle_endtag(self, tag: str) -> None:
        self._raw -= tag in {"script", "style"}

    def handle_data(self, data: str) -> None:
        if not self._raw:
            self.said.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", "".join(self.said))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def written(page: DisputePage, out: Path) -> str:
    return write_pages([page], out, made_at=samples.MADE)[0].read_text(encoding="utf-8")


def index_of(pages: list[DisputePage], out: Path) -> str:
    return write_index(pages, [samples.card()], out, made_at=samples.MADE).read_text(encoding="utf-8")


def map_data(page: str) -> dict[str, object]:
    found = re.search(r'<script type="application/json" id="map-data"[^>]*>(.*?)</script>', page, re.S)
    assert found is not None
    return json.loads(found[1])  # type: ignore[no-any-return]


@pytest.mark.parametrize("page", samples.all_pages(), ids=lambda p: p.dispute.slug)
def test_a_page_asks_nothing_of_the_network(page: DisputePage, tmp_path: Path) -> None:
    outline = Outline(written(page, tmp_path))
    loading = [
        (tag, a)
        for tag, a in outline.elements
        if "src" in a
        or tag in {"iframe", "object", "embed", "base"}
        or (tag == "link" and a.get("rel") != "alternate" and a.get("href") != "data:,")
    ]
    assert loading == []
    policy = next(a["content"] or "" for a in outline.all("meta") if a.get("http-equiv") == "Content-Security-Policy")
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert not re.search(r"https?:", policy)


def test_nothing_of_foliums_own_assets_is_left(tmp_path: Path) -> None:
    text = written(samples.changed_page(), tmp_path)
    for trace in ("jquery", "bootstrap", "awesome", "cdn.", "unpkg", "openstreetmap", "sourceMappingURL", "url(images"):
        assert trace not in text, trace


def test_the_map_is_foliums(tmp_path: Path) -> None:
    text = written(samples.changed_page(), tmp_path)
    assert 'class="folium-map"' in text
    assert "L.control.layers(" in text
    for layer in ("What changed or differs", "Names", "Outline of the dispute", "Land"):
        assert f'"{layer}"' in text


def test_the_same_records_make_the_same_page(tmp_path: Path) -> None:
    first, second = (written(samples.changed_page(), tmp_path / name) for name in "ab")
    assert first == second


def test_a_page_that_says_the_same_is_not_written_again(tmp_path: Path) -> None:
    path = write_pages([samples.changed_page()], tmp_path, made_at=samples.MADE)[0]
    before = (path.stat().st_mtime_ns, path.stat().st_ino)
    write_pages([samples.changed_page()], tmp_path, made_at=samples.MADE + timedelta(days=3))
    assert (path.stat().st_mtime_ns, path.stat().st_ino) == before
    write_pages([samples.changed_page(changes=())], tmp_path, made_at=samples.MADE + timedelta(days=3))
    assert path.stat().st_ino != before[1]
    assert "2026-11-25" in path.read_text(encoding="utf-8")
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_a_slug_cannot_leave_its_folder(tmp_path: Path) -> None:
    page = replace(samples.quiet_page(), dispute=samples.dispute(slug="../../etc/passwd"))
    with pytest.raises(StoreError, match="cannot be a page"):
        write_pages([page], tmp_path / "maps", made_at=samples.MADE)
    with pytest.raises(StoreError):
        write_pages([replace(page, dispute=samples.dispute(slug="a b"))], tmp_path, made_at=samples.MADE)


def test_the_tables_say_all_the_map_shows(tmp_path: Path) -> None:
    text = Outline(written(samples.changed_page(), tmp_path)).text
    for fact in (
        "atlas now draws 39,000 km² of The Square as Russia's instead of Ukraine's.",
        "39,000 km²",
        "99 % of it",
        "inscribed radius 80.0 km",
        "66.7 times the noise",
        "noise floor 1.2 km",
        "detection limit 2.0 km",
        "edition 1.0, shown 2016-07-01",
        "edition 2.0, shown 2019-04-25",
        "pkg:npm/atlas@2.0#world.json",
        "solid → dashed",
        "The Atlas Project",
        "CC0",
    ):
        assert fact in text, fact
    digest = samples.changed_page().changes[0].after.body or ""
    assert digest[:12] in text


def test_what_a_view_cannot_tell_is_said_in_words(tmp_path: Path) -> None:
    text = Outline(written(samples.changed_page(), tmp_path)).text
    assert "Too small for this source to tell (it cannot show anything thinner than 90.0 km)" in text
    assert "This source does not draw or list this place" in text
    assert "no owner shown 3 %" in text


@pytest.mark.parametrize(
    ("page", "said"),
    [
        (
            samples.quiet_page(),
            "No change recorded that a map can show. The map shows what each view draws, through time.",
        ),
        (samples.name_page(), "خلیج فارس"),
        (samples.empty_page(), "No view has been asked about this dispute yet, or none has answered."),
        (samples.empty_page(), "No source speaks of this dispute yet."),
    ],
)
def test_an_empty_state_says_so(page: DisputePage, said: str, tmp_path: Path) -> None:
    assert said in Outline(written(page, tmp_path)).text


def test_an_empty_log_says_so(tmp_path: Path) -> None:
    text = Outline(write_index([], [], tmp_path, made_at=samples.MADE).read_text(encoding="utf-8")).text
    for said in ("No change recorded yet.", "The catalogue holds no dispute.", "No source is enabled."):
        assert said in text


def test_the_index_links_every_page_and_names_every_fault(tmp_path: Path) -> None:
    pages = samples.all_pages()
    paths = write_pages(pages, tmp_path, made_at=samples.MADE)
    from borderwatch.models import Fault

    down = samples.card("down", last_success=None, fault=Fault("rate_limited", "asked to wait an hour"))
    index = write_index(pages, [samples.card(), down], tmp_path, made_at=samples.MADE)
    outline = Outline(index.read_text(encoding="utf-8"))
    linked = {
        (tmp_path / (a["href"] or "")).resolve() for a in outline.all("a") if "disputes/" in (a.get("href") or "")
    }
    assert linked == {path.resolve() for path in paths}
    assert "did not answer: rate limited" in outline.text
    assert "asked to wait an hour" in outline.text
    assert "has not answered yet" in outline.text
    assert "1 / 2sources answered" in outline.text


def test_news_put_ground_before_names_and_leave_out_the_minor(tmp_path: Path) -> None:
    page = samples.changed_page()
    ground, line = page.changes
    name = replace(line, id="c" * 16, kind=Kind.RENAMED, significance=Significance.SUBSTANTIVE, summary="A new name.")
    told = re.findall(
        r'<a class="kind kind-(\w+)" href="changes/(\w+)\.html">',
        index_of([replace(page, changes=(name, line, ground))], tmp_path),
    )
    assert told == [("transfer", "a" * 16), ("renamed", "c" * 16)]


def test_no_outside_text_acts_on_a_page(tmp_path: Path) -> None:
    page = samples.hostile_page()
    for text in (written(page, tmp_path), index_of([page], tmp_path)):
        outline = Outline(text)
        assert [a for a in outline.all("img") if a.get("src") == "x"] == []
        assert [a for _, a in outline.elements if any(key.startswith("on") for key in a)] == []
        assert [a for a in outline.all("a") if (a.get("href") or "").strip().lower().startswith("javascript")] == []
        assert [a for _, a in outline.elements if "style" in a and "leaflet" not in str(a)] == []
        scripts = re.findall(r"<script[^>]*>(.*?)</script>", text, re.S)
        assert not any("window.hacked=1<" in script for script in scripts)
        assert "1337" not in outline.text  # 7 * 191, if a template were filled twice
        assert "{{ 7*191 }}" in outline.text
        assert "<script>window.hacked=1</script>" in outline.text
        assert not re.search("[\x00-\x08\x0b\x0e-\x1f\u202a-\u202e\u2066-\u2069]", text)
        assert samples.LONG[:2000] not in text
    assert "[U+202E]" in Outline(written(page, tmp_path)).text


def test_the_scripts_that_may_run_are_ours_alone(tmp_path: Path) -> None:
    import base64
    import hashlib

    text = written(samples.hostile_page(), tmp_path)
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', text)
    assert policy is not None
    run = re.findall(r"<script>(.*?)</script>", text, re.S)
    assert len(run) == 5
    for script in run:
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        assert f"sha256-{digest}" in policy[1].replace("&#39;", "'")
    # folium's script holds nothing from outside: it is the same for any two disputes in one place.
    tame = written(
        samples.changed_page(dispute=samples.dispute(lines=samples.hostile_page().dispute.lines)), tmp_path / "t"
    )
    assert run[4] == re.findall(r"<script>(.*?)</script>", tame, re.S)[4]


@given(st.text(st.characters(), max_size=300))
@settings(max_examples=200)
def test_any_text_is_shown_as_text(text: str) -> None:
    shown = w.short(text)
    shown.encode("utf-8")
    assert not re.search("[\x00-\x08\u202a-\u202e\u2066-\u2069\ud800-\udfff]", shown)
    held = json_for_html({"text": shown})
    assert not set("<>&\u2028\u2029") & set(held)
    assert json.loads(held) == {"text": shown}


@pytest.mark.parametrize(
    ("url", "safe"),
    [
        ("https://example.org/a?b=1#c", True),
        ("http://example.org", True),
        ("javascript:alert(1)", False),
        ("JaVaScRiPt:alert(1)", False),
        ("data:text/html,<script>", False),
        ("https://example.org/\" onclick='x", False),
        ("https://example.org/a\nb", False),
        ("//example.org", False),
        ("pkg:npm/atlas@1", False),
        (None, False),
    ],
)
def test_only_web_addresses_become_links(url: str | None, safe: bool) -> None:
    assert (w.web_link(url) is not None) is safe


def test_no_colour_stands_for_a_state(tmp_path: Path) -> None:
    """Owners are told apart by patterns of one grey; the two sides swap patterns when they swap codes."""
    drawing = map_of_dispute(samples.changed_page())
    assert [fill for fill, _ in drawing.owners] == ["o0", "o1"]
    css = (Path(w.__file__).parent / "assets" / "map.css").read_text(encoding="utf-8")
    fills = re.findall(r"\.ground-o\d \{ fill: ([^;]+);", css)
    assert len(fills) == 8
    assert all(re.fullmatch(r"url\(#fill-o\d\)", fill) for fill in fills)
    assert "ukraine" not in css.lower()


def test_every_kind_of_change_has_words() -> None:
    assert set(w.KIND_WORDS) == set(Kind)


def test_a_label_that_is_only_a_number_says_who_is_meant() -> None:
    page = samples.changed_page()
    numbered = {k: tuple(replace(s, label="804") for s in v) for k, v in page.sketches.items()}
    labels = {t["l"] for p in map_of_dispute(replace(page, sketches=numbered)).data["pictures"] for t in p["things"]}
    assert "Ukraine (UA) “804”" in labels


def test_a_box_that_stands_for_an_outline_is_called_a_box(tmp_path: Path) -> None:
    text = Outline(written(replace(samples.quiet_page(), dispute=samples.dispute(boxed=True)), tmp_path)).text
    assert "none; the box 33, 44.5 to 36, 46 degrees" in text
    assert "box around the dispute; it has no reference outline" in text
    assert "outline of the dispute, for reference" not in text


def test_shapes_shared_between_editions_are_held_once() -> None:
    page = samples.changed_page()
    alone = map_of_dispute(page).rings
    more = []
    sketches = dict(page.sketches)
    for i in range(10):
        at = samples.capture(f"3.{i}", f"2020-01-{i + 1:02d}")
        before = more[-1].after if more else page.changes[0].after
        more.append(replace(page.changes[0], id=f"{i:016d}", before=before, after=at))
        sketches[at.id] = tuple(replace(s, capture=at.id) for s in page.sketches[page.changes[0].after.id])
    many = map_of_dispute(replace(page, changes=(*page.changes, *more), sketches=sketches))
    assert many.steps == 11
    assert many.rings == alone
    assert len(many.data["pictures"]) == 2


def test_steps_beyond_the_cap_are_counted_and_stay_in_the_table(tmp_path: Path) -> None:
    page = samples.changed_page()
    first = page.changes[0]
    times = MOST_STEPS + 5
    captures = [samples.capture(f"9.{i}", f"20{10 + i // 12:02d}-{i % 12 + 1:02d}-01") for i in range(times + 1)]
    changes = tuple(
        replace(first, id=f"{i:016d}", before=captures[i], after=captures[i + 1], summary=f"Change number {i}.")
        for i in range(times)
    )
    text = written(replace(page, changes=changes), tmp_path)
    outline = Outline(text)
    assert f"The map offers the {MOST_STEPS} newest; the table below also lists the 5 before them." in outline.text
    assert all(f"Change number {i}." in outline.text for i in range(times))
    options = [step["title"] for step in map_data(text)["steps"]]  # type: ignore[attr-defined]
    assert len(options) == MOST_STEPS
    assert options == sorted(options, reverse=True)


def test_a_heavy_history_still_fits_a_page(tmp_path: Path) -> None:
    """Twenty editions of a different coast of 20,000 vertices each: 1.5 MB at most."""
    import numpy as np

    page = samples.changed_page()
    rng = np.random.default_rng(7)
    angle = np.linspace(0, 2 * np.pi, 20_000, endpoint=False)
    captures = [samples.capture(f"5.{i}", f"2020-{i // 20 + 1:02d}-{i % 20 + 1:02d}") for i in range(21)]
    sketches = {}
    for at in captures:
        radius = 1 + rng.normal(0, 0.02, len(angle))
        coast = shapely.Polygon(np.column_stack([34.5 + 1.5 * radius * np.cos(angle), 45.2 + radius * np.sin(angle)]))
        sketches[at.id] = (samples.sketch("UA", "Ukraine", coast, at),)
    changes = tuple(
        replace(page.changes[0], id=f"{i:016d}", before=captures[i], after=captures[i + 1]) for i in range(20)
    )
    text = written(replace(page, changes=changes, sketches=sketches), tmp_path)
    assert len(text.encode()) <= 1_500_000
    assert len(map_data(text)["steps"]) >= 5  # type: ignore[arg-type]


def test_a_change_too_small_to_see_is_marked_not_dropped() -> None:
    islet = shapely.Point(34, 45).buffer(1e-5)
    page = samples.changed_page()
    drawing = map_of_dispute(replace(page, changes=(replace(page.changes[0], geometry=islet),)))
    drawn = drawing.data["steps"][0]["changes"][0]["g"]
    west, south, east, north = drawing.data["window"]
    x, y = drawn["p"][0]
    assert west + x / GRID * (east - west) == pytest.approx(34, abs=1e-3)
    assert south + y / GRID * (north - south) == pytest.approx(45, abs=1e-3)


@given(st.floats(-180, 179), st.floats(-90, 89), st.floats(0.0005, 60), st.floats(0.0005, 60))
@settings(max_examples=100)
def test_a_window_holds_its_frame_and_stays_on_the_map(west: float, south: float, wide: float, tall: float) -> None:
    frame = frame_around((west, south, min(180.0, west + wide), min(90.0, south + tall)))
    window = window_around(frame)
    assert frame[0] < frame[2]
    assert frame[1] < frame[3]
    assert window[0] <= frame[0] + 1e-9
    assert window[1] <= frame[1] + 1e-9
    assert window[2] >= frame[2] - 1e-9
    assert window[3] >= frame[3] - 1e-9
    assert window[0] >= -180
    assert window[2] <= 180
    assert abs(window[1]) <= 85
    assert abs(window[3]) <= 85


@given(st.lists(st.tuples(st.floats(30, 40), st.floats(40, 50)), min_size=3, max_size=40))
@settings(max_examples=100)
def test_a_ring_comes_back_within_a_step_of_the_grid(corners: list[tuple[float, float]]) -> None:
    easel = Easel((30.0, 40.0, 40.0, 50.0), 0.0)
    drawn = easel.drawn(shapely.LineString(corners))
    if drawn is None:
        return
    flat = easel.rings[drawn["l"][0]]
    x = y = 0
    back = []
    for dx, dy in zip(flat[::2], flat[1::2], strict=True):
        x, y = x + dx, y + dy
        back.append((30 + x / GRID * 10, 40 + y / GRID * 10))
    assert shapely.hausdorff_distance(shapely.LineString(back), shapely.LineString(corners)) <= 10 / GRID


def test_the_command_line_can_name_the_step_without_its_weight() -> None:
    import subprocess
    import sys

    code = "import sys, borderwatch.render; print(sorted({'folium','shapely','jinja2','geopandas'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
