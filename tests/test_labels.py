"""Laws and stories of label points and names: texts per language, told by what they stand on, never by their order."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import shapely
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from borderwatch import twofiles
from borderwatch.cli import main
from borderwatch.diff import compare
from borderwatch.diff.doubt import doubt
from borderwatch.diff.record import Finding
from borderwatch.formats.label_texts import language_of_field
from borderwatch.models import DisputeType, Feature, Kind, Role, Significance, Verdict
from borderwatch.observe import sketches
from tests.strategies import dispute, laws, scene, world

HERE = shapely.box(10, 40, 14, 42)
TERHYN = {"name": "Terhyn", "names": {"en": ("Terhyn",), "uk": ("Тергин",)}}
KM = 1 / 111.2


def label(text: str | None, x: float, y: float, *, key: str | None = None, **names: str) -> Feature:
    return Feature(shapely.Point(x, y), code=key, name=text, role=Role.LABEL, names=names)


def told_of(before: Sequence[Feature], after: Sequence[Feature], **fields: object) -> list[Finding]:
    about = dispute(HERE, **fields)
    return list(compare.scenes(scene(world(before, 0), about), scene(world(after, 1), about)).findings)


def said(found: Sequence[Finding]) -> list[tuple[Kind, str, str | None, str | None]]:
    return sorted((f.kind, f.subject, f.old, f.new) for f in found)


# --- a label's texts ------------------------------------------------------------------------------------------


def test_a_text_that_changes_in_one_language_is_told_in_that_language() -> None:
    before = [label("Artyomovsk", 11, 41, uk="Артемівськ"), label("Lyman", 12, 41)]
    after = [label("Artyomovsk", 11, 41, uk="Бахмут"), label("Lyman", 12, 41)]
    [told] = told_of(before, after)
    assert (told.kind, told.significance) == (Kind.RELABELLED, Significance.SUBSTANTIVE)
    assert (told.subject, told.old, told.new) == ("label Artyomovsk, uk", "Артемівськ", "Бахмут")
    assert told.geometry == shapely.Point(11, 41)


def test_a_text_lost_or_won_in_one_language_is_minor() -> None:
    full, short = [label("Pristina", 11, 41, sq="Prishtina", sr="Приштина")], [label("Pristina", 11, 41, sr="Приштина")]
    [lost], [won] = told_of(full, short), told_of(short, full)
    assert (lost.significance, lost.subject, lost.old, lost.new) == (
        Significance.MINOR,
        "label Pristina, sq",
        "Prishtina",
        None,
    )
    assert (won.significance, won.subject, won.old, won.new) == (
        Significance.MINOR,
        "label Pristina, sq",
        None,
        "Prishtina",
    )


def test_one_text_in_several_languages_is_told_once() -> None:
    before, after = label("Kiev", 11, 41, en="Kiev", de="Kiew"), label("Kyiv", 11, 41, en="Kyiv", de="Kyjiw")
    told = told_of([before], [after])
    assert said(told) == [(Kind.RELABELLED, "label", "Kiev", "Kyiv"), (Kind.RELABELLED, "label, de", "Kiew", "Kyjiw")]


def test_a_label_that_names_the_disputed_thing_itself_is_substantive_and_a_town_is_minor() -> None:
    town, itself = label("Somewhere", 11, 41), label("Тергин", 12, 41)
    gone = told_of([town, itself], [], **TERHYN)
    assert {f.old: f.significance for f in gone} == {
        "Somewhere": Significance.MINOR,
        "Тергин": Significance.SUBSTANTIVE,
    }
    assert {f.kind for f in gone} == {Kind.DISAPPEARED}
    assert {f.kind for f in told_of([], [town, itself], **TERHYN)} == {Kind.APPEARED}


def test_a_label_beside_what_it_names_is_its_label_and_a_neighbours_town_is_not() -> None:
    outside = (14.3, 41.0)
    kept = label("Kept", 11, 41)
    assert told_of([kept, label("A town", *outside)], [kept, label("Another", *outside)], **TERHYN) == []
    [told] = told_of([kept, label("Terhyn", *outside)], [kept, label("Another", *outside)], **TERHYN)
    assert (told.old, told.new) == ("Terhyn", "Another")


def test_where_only_a_name_is_in_dispute_no_town_in_its_box_is_its_label() -> None:
    sea = {"reference": None, "type": DisputeType.NAMING, "name": "Sea of A", "names": {"en": ("Sea of A", "Sea of B")}}
    before = [label("Sea of A", 11, 41), label("Port", 12, 41)]
    after = [label("Sea of B", 11, 41), label("Harbour", 12, 41)]
    assert said(told_of(before, after, **sea)) == [(Kind.RELABELLED, "label", "Sea of A", "Sea of B")]


def test_a_sea_called_otherwise_at_another_place_of_it_is_renamed() -> None:
    sea = {"reference": None, "type": DisputeType.NAMING, "name": "Sea of A", "names": {"en": ("Sea of A", "Sea of B")}}
    kept = label("Port", 13, 41)
    found = told_of([label("Sea of A", 11, 41), kept], [label("Sea of B", 11.4, 41.2), kept], **sea)
    assert said(found) == [(Kind.RELABELLED, "label", "Sea of A", "Sea of B")]
    elsewhere_it_is = [label("Sea of A", 11, 41, ko="X"), kept], [label("Sea", 11.4, 41.2, ko="X"), kept]
    assert said(told_of(*elsewhere_it_is, **sea)) == [(Kind.RELABELLED, "label X", "Sea of A", "Sea")]


# --- which label is which ---------------------------------------------------------------------------------------


def test_a_label_moved_within_the_limit_or_on_the_ground_is_no_change() -> None:
    before = [label("Terhyn", 11, 41), label("Town", 12, 41), label("Town", 13, 41)]
    nudged = [label("Terhyn", 11.5, 41.4), label("Town", 12 + 0.5 * KM, 41), label("Town", 13, 41 - 0.5 * KM)]
    assert told_of(before, nudged) == []


def test_a_label_carried_off_the_ground_is_told_with_how_far() -> None:
    before, after = [label("Terhyn", 11, 41), label("Lyman", 12, 41)], [label("Terhyn", 30, 41), label("Lyman", 12, 41)]
    [gone], [come] = told_of(before, after, **TERHYN), told_of(after, before, **TERHYN)
    assert (gone.kind, gone.old, come.kind, come.new) == (Kind.DISAPPEARED, "Terhyn", Kind.APPEARED, "Terhyn")
    assert gone.offset_km == pytest.approx(1_594, rel=0.01)


def test_what_is_drawn_over_the_edge_of_the_ground_within_the_limit_stayed() -> None:
    assert told_of([label("Town", 14 - 0.3 * KM, 41)], [label("Town", 14 + 0.3 * KM, 41)]) == []


@pytest.mark.parametrize("key", ["wikidata=Q1", None])
def test_of_two_labels_with_one_name_only_the_one_that_changed_is_told(key: str | None) -> None:
    def other(i: int) -> str | None:
        return key and f"{key}{i}"

    before = [label("San Juan", 11, 41, key=other(1)), label("San Juan", 13, 41, key=other(2))]
    after = [label("San Juan", 13, 41, key=other(2)), label("Ciudad", 11, 41, key=other(1))]
    [told] = told_of(before, after)
    assert (told.old, told.new, told.geometry) == ("San Juan", "Ciudad", shapely.Point(11, 41))
    [gone] = told_of(before, before[1:])
    assert (gone.kind, gone.geometry) == (Kind.DISAPPEARED, shapely.Point(11, 41))


def test_two_labels_that_say_the_same_and_change_alike_are_one_change_at_two_places() -> None:
    before = [label("Old", 11, 41), label("Old", 13, 41)]
    [told] = told_of(before, [label("New", 11, 41), label("New", 13, 41)])
    assert shapely.equals(told.geometry, shapely.MultiPoint([(11, 41), (13, 41)]))


def test_a_rows_number_given_anew_is_no_key() -> None:
    towns = [("Aa", 10.5), ("Bb", 11.5), ("Cc", 12.5), ("Dd", 13.5)]
    before = [label(name, x, 41, key=f"id={n}") for n, (name, x) in enumerate(towns)]
    after = [label(name, x, 41, key=f"id={n}") for n, (name, x) in enumerate(reversed(towns))]
    assert told_of(before, after) == []


def test_labels_across_180_degrees_are_near_one_another() -> None:
    ground = shapely.box(179, -18, 180, -16)
    about = dispute(ground)
    before, after = [label("Old", 179.9999, -17)], [label("New", -179.9999, -17)]
    [told] = compare.scenes(scene(world(before, 0), about), scene(world(after, 1), about)).findings
    assert (told.kind, told.old, told.new) == (Kind.RELABELLED, "Old", "New")


def test_of_two_areas_with_one_name_only_the_one_that_changed_is_told() -> None:
    west, east = shapely.box(10, 40, 12, 42), shapely.box(60, 40, 62, 42)
    before = [
        Feature(west, code="CO", name="San Juan", owner="CO"),
        Feature(east, code="AR", name="San Juan", owner="AR"),
    ]
    after = [Feature(east, code="PE", name="San Juan", owner="PE"), before[0]]
    here, there = dispute(west), dispute(east)
    assert compare.scenes(scene(world(before), here), scene(world(after, 1), here)).findings == ()
    found = compare.scenes(scene(world(before), there), scene(world(after, 1), there)).findings
    assert [(f.kind, f.loser, f.gainer) for f in found if f.significance is Significance.SUBSTANTIVE] == [
        (Kind.TRANSFER, "AR", "PE")
    ]


# --- a whole layer, a whole language ------------------------------------------------------------------------------

MANY = [label(f"Town {n}", 10.1 + n * 0.1, 41, en=f"Town {n}", uk=f"Місто {n}") for n in range(30)]


def test_half_of_all_labels_missing_is_a_doubt_and_not_so_many_disappearances() -> None:
    assert doubt(world(MANY, 0), world(MANY[:14], 1)) == "places 14 labels, 30 before"
    assert told_of(MANY, MANY[:14]) == []
    assert len(told_of(MANY, MANY[:29])) == 1


def test_a_layer_of_labels_left_out_beside_areas_is_said_once_and_hides_no_area(tmp_path: Path) -> None:
    many = [({"name": f"Town {n}"}, 10.0 + n, 60.0) for n in range(30)]
    before = points(tmp_path / "a.geojson", *many, areas=[square("PE", 0), square("CL", 5)])
    after = points(tmp_path / "b.geojson", areas=[square("PE", 0), square("AR", 5)])
    compared = twofiles.compare(before, after)
    assert compared.doubt is None
    assert [(c.kind, c.subject, c.old, c.new) for c in compared.elsewhere if c.subject] == [
        (Kind.RELABELLED, "labels", "30 labels", "0 labels")
    ]
    assert [(c.loser, c.gainer) for c in compared.elsewhere if c.kind is Kind.TRANSFER] == [("CL", "AR")]


def test_a_crowd_on_one_point_is_told_by_its_texts() -> None:
    crowd = [label(f"Flat {n}", 12, 41) for n in range(400)]
    [told] = told_of(crowd, [*crowd[:99], *crowd[100:], label("Shop", 12, 41)])
    assert (told.old, told.new) == ("Flat 99", "Shop")


def test_a_language_that_most_labels_lose_is_no_change_of_a_place() -> None:
    without = [replace(one, names={"en": one.names["en"]}) for one in MANY]
    assert told_of(MANY, without) == []
    assert told_of(without, MANY) == []
    assert len(told_of(MANY, [*MANY[:29], without[29]])) == 1


def test_labels_that_all_say_otherwise_at_once_are_no_change_of_a_place() -> None:
    assert told_of(MANY, [replace(one, name=f"Stadt {n}") for n, one in enumerate(MANY)]) == []


def test_absence_from_part_of_an_answer_says_nothing() -> None:
    about = dispute(HERE)
    before, after = world(MANY, 0), world(MANY[:29], 1, complete=False)
    assert compare.scenes(scene(before, about), scene(after, about)).comparison.verdict is Verdict.UNCHANGED


def test_a_picture_shows_the_labels_of_the_dispute_and_no_crowd() -> None:
    few, crowd = [label("Lyman", 11, 41), label("Terhyn", 12, 41), label("Far off", 50, 41)], [*MANY, *MANY, *MANY]
    about = dispute(HERE, **TERHYN)
    assert [s.label for s in sketches(scene(world(few), about))] == ["Lyman", "Terhyn"]
    assert [s.label for s in sketches(scene(world([*crowd, *few]), about))] == ["Terhyn"]


# --- names of areas ---------------------------------------------------------------------------------------------


def area(names: Mapping[str, str], *, code: str = "ESH", ground: shapely.Polygon = HERE) -> Feature:
    return Feature(ground, code=code, name="Western Sahara", names=names)


SAHARA = {"slug": "western_sahara", "name": "Western Sahara", "claimants": ("EH", "MA")}


def test_a_name_lost_in_one_language_is_minor_and_one_changed_as_ever() -> None:
    before = [area({"ar": "الصحراء الغربية", "es": "Sahara Occidental"})]
    [lost] = told_of(before, [area({"ar": "الصحراء الغربية"})], **SAHARA)
    assert (lost.kind, lost.significance, lost.subject, lost.new) == (Kind.RENAMED, Significance.MINOR, "es", None)
    [won] = told_of([area({})], [*before[:0], area({"es": "Sahara Occidental"})], **SAHARA)
    assert (won.significance, won.old, won.new) == (Significance.MINOR, None, "Sahara Occidental")
    [changed] = told_of(before, [area({"ar": "الصحراء المغربية", "es": "Sahara Occidental"})], **SAHARA)
    assert (changed.subject, changed.old) == ("ar", "الصحراء الغربية")


def test_a_file_that_is_known_by_another_field_of_names_is_not_renamed() -> None:
    # Natural Earth 5 has NAME_EN beside NAME: "Western Sahara" beside "W. Sahara".
    short = replace(area({}), name="W. Sahara")
    both = area({"name": "W. Sahara", "fr": "Sahara occidental"})
    assert said(told_of([short], [both], **SAHARA)) == [(Kind.RENAMED, "fr", None, "Sahara occidental")]
    assert said(told_of([both], [short], **SAHARA)) == [(Kind.RENAMED, "fr", "Sahara occidental", None)]


def test_a_language_that_the_whole_table_gains_says_nothing_of_a_place() -> None:
    others = [area({"en": "x"}, code="FR", ground=shapely.box(30 + n, 0, 30.5 + n, 1)) for n in range(25)]
    more = [replace(one, names={"en": "x", "sq": "y"}) for one in others]
    assert told_of([area({"en": "x"}), *others], [area({"en": "x", "sq": "y"}), *more], **SAHARA) == []


# --- laws -------------------------------------------------------------------------------------------------------

texts = st.sampled_from(["Aa", "Bb", "Terhyn", "Новий", "Cc Dd"])
label_points = st.lists(
    st.builds(
        lambda text, x, y, names, key: label(text, x, y, key=key, **names),
        texts,
        st.sampled_from([10.5, 11.0, 11.004, 12.0, 14.2]),
        st.sampled_from([40.5, 41.0]),
        st.dictionaries(st.sampled_from(["en", "uk"]), texts, max_size=2),
        st.sampled_from([None, "k1", "k2"]),
    ),
    max_size=6,
)
KEPT = label("Kept", 13, 41)
BACK = {Kind.APPEARED: Kind.DISAPPEARED, Kind.DISAPPEARED: Kind.APPEARED, Kind.RELABELLED: Kind.RELABELLED}


@laws(40)
@given(label_points, label_points)
def test_what_labels_gain_one_way_they_lose_the_other(before: list[Feature], after: list[Feature]) -> None:
    there, back = told_of([KEPT, *before], [KEPT, *after]), told_of([KEPT, *after], [KEPT, *before])
    assert sorted((BACK[f.kind], f.significance, f.subject, str(f.old), str(f.new)) for f in there) == sorted(
        (f.kind, f.significance, f.subject, str(f.new), str(f.old)) for f in back
    )


@laws(30)
@given(label_points, st.integers(0, 100))
def test_the_order_of_labels_is_no_change(labels: list[Feature], seed: int) -> None:
    shuffled = random.Random(seed).sample(labels, len(labels))  # noqa: S311 - an order, not a secret
    assert told_of([KEPT, *labels], [*shuffled, KEPT]) == []


# --- two files --------------------------------------------------------------------------------------------------


def points(path: Path, *labels: tuple[Mapping[str, object], float, float], areas: Sequence[object] = ()) -> Path:
    features = [
        {"type": "Feature", "properties": said_of, "geometry": {"type": "Point", "coordinates": [x, y]}}
        for said_of, x, y in labels
    ]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": [*features, *areas]}), encoding="utf-8")
    return path


def square(code: str, west: float) -> object:
    ring = [[west, 0], [west + 5, 0], [west + 5, 5], [west, 5], [west, 0]]
    return {
        "type": "Feature",
        "properties": {"iso_a2": code, "name": f"Ground of {code}"},
        "geometry": {"type": "Polygon", "coordinates": [ring]},
    }


SIMFEROPOL = {"name": "Симферополь", "name:uk": "Сімферополь", "NAME_EN": "Simferopol", "iso_a2": "UA"}
PARIS = {"name": "Paris", "name_sq": "Parisi"}


def test_two_files_of_points_are_compared_by_what_their_labels_say(tmp_path: Path) -> None:
    before = points(tmp_path / "a.geojson", (SIMFEROPOL, 34.1, 44.95), (PARIS, 2.35, 48.86))
    changed = {**SIMFEROPOL, "name:uk": "Симферополь", "iso_a2": "RU"}
    after = points(tmp_path / "b.geojson", ({**PARIS, "name_sq": "Lutecia"}, 2.35, 48.86), (changed, 34.1, 44.95))
    compared = twofiles.compare(before, after)
    [crimea] = [r for r in compared.results if r.changes]
    assert crimea.dispute.slug == "crimea"
    assert sorted((c.kind, c.subject, c.old, c.new) for c in crimea.changes) == [
        (Kind.RELABELLED, "label Симферополь, uk", "Сімферополь", "Симферополь"),
        (Kind.REPARENTED, "label Симферополь", "UA", "RU"),
    ]
    [paris] = compared.elsewhere
    assert (paris.subject, paris.old, paris.new) == ("label Paris, sq", "Parisi", "Lutecia")
    assert twofiles.record(compared)["elsewhere"][0]["lat"] == pytest.approx(48.86)
    assert {f["geometry"]["type"] for f in twofiles.geojson(compared)["features"]} == {"Point"}
    asked = CliRunner().invoke(main, ["diff", str(before), str(after), "--map", str(tmp_path / "map.html")])
    assert asked.exit_code == 1, asked.output
    assert (tmp_path / "map.html").exists()


def test_a_file_of_areas_and_points_is_compared_by_both(tmp_path: Path) -> None:
    before = points(tmp_path / "a.geojson", (PARIS, 2.35, 48.86), areas=[square("PE", 0), square("CL", 5)])
    after = points(
        tmp_path / "b.geojson", ({**PARIS, "name": "Lutetia"}, 2.35, 48.86), areas=[square("PE", 0), square("AR", 5)]
    )
    told = twofiles.compare(before, after).elsewhere
    assert {c.kind for c in told} == {Kind.TRANSFER, Kind.RELABELLED}


def overpass(path: Path, *places: tuple[int, float, float, Mapping[str, str]]) -> Path:
    """Overpass JSON of place nodes, in the documented shape of ``out;``."""
    nodes = [{"type": "node", "id": n, "lat": y, "lon": x, "tags": {"place": "town", **t}} for n, x, y, t in places]
    path.write_text(json.dumps({"version": 0.6, "generator": "Overpass API", "elements": nodes}), encoding="utf-8")
    return path


def test_place_nodes_of_openstreetmap_are_labels_known_by_their_number(tmp_path: Path) -> None:
    yalta = {"name": "Ялта", "name:uk": "Ялта", "name:en": "Yalta"}
    before = overpass(tmp_path / "a.json", (1, 34.16, 44.5, yalta), (2, 34.1, 44.95, {"name": "Симферополь"}))
    moved = overpass(tmp_path / "b.json", (2, 34.1, 44.95, {"name": "Симферополь"}), (1, 34.12, 44.6, yalta))
    assert not twofiles.compare(before, moved).changed
    renamed = overpass(
        tmp_path / "c.json", (2, 34.1, 44.95, {"name": "Симферополь"}), (1, 34.12, 44.6, {**yalta, "name": "Yalta"})
    )
    [crimea] = [r for r in twofiles.compare(before, renamed).results if r.changes]
    assert [(c.kind, c.subject, c.old, c.new) for c in crimea.changes] == [
        (Kind.RELABELLED, "label Yalta", "Ялта", "Yalta")
    ]


def test_points_that_say_nothing_are_no_map(tmp_path: Path) -> None:
    before = points(tmp_path / "a.geojson", (PARIS, 2.35, 48.86))
    mute = points(tmp_path / "b.geojson", ({"height": 3}, 2.35, 48.86))
    asked = CliRunner().invoke(main, ["diff", str(before), str(mute)])
    assert asked.exit_code == 2
    assert "no named points" in asked.output


@pytest.mark.parametrize(
    ("field", "lang"),
    [
        ("name", "name"),
        ("NAME_SQ", "sq"),
        ("name:sr-Latn", "sr-Latn"),
        ("name:be-tarask", "be-tarask"),
        ("NAME_ZHT", "zh-Hant"),
        ("name:ckb", "ckb"),
        ("official_name:uk", "official_name:uk"),
        ("NAME_LEN", None),
        ("name_int", None),
        ("name:old", None),
        ("NAME_1", None),
        ("alt_name", None),
        ("name:latin", None),
    ],
)
def test_the_language_of_a_name_is_told_by_its_field(field: str, lang: str | None) -> None:
    assert language_of_field(field) == lang
