"""Owners: any name or code a source uses is one identity, and never the wrong one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from borderwatch import owners
from borderwatch.disputes import catalogue
from borderwatch.owners import fold, label, owner

ROOT = Path(__file__).resolve().parent.parent
SHARED = Path(os.environ.get("BORDERWATCH_SHARED", ROOT.parent / "shared"))
TABLES = json.loads((owners.DATA / "names.json").read_bytes())
LANGUAGES = "ar de el en es fa fr he hi hu id it ja ko pl pt ru sr tr uk ur vi zh zh_Hant".split()  # noqa: SIM905
IDENTITIES = sorted(TABLES["labels"])


@pytest.mark.parametrize(
    ("code", "name", "identity"),
    [
        # codes: alpha-2, alpha-3, numeric, subdivision, QID
        ("IL", None, "IL"),
        ("isr", None, "IL"),
        ("004", None, "AF"),
        ("4", None, "AF"),
        (4, None, "AF"),
        (643, None, "RU"),
        ("RS-KM", None, "RS"),
        ("Q1246", None, "XK"),
        ("NA", None, "NA"),
        # Natural Earth's own
        ("KOS", None, "XK"),
        ("XKX", None, "XK"),
        ("XKK", None, "XK"),
        ("SDS", None, "SS"),
        ("PSX", None, "PS"),
        ("SAH", None, "EH"),
        ("CYN", None, "northern_cyprus"),
        ("SOL", None, "somaliland"),
        ("KAS", None, "siachen"),
        ("KAB", None, "baikonur"),
        ("ESB", None, "sba_cyprus"),
        ("IS1", None, "IL"),
        ("GB1", None, "GB"),
        ("B57", None, "XK"),
        # the United Nations' units
        ("XJK", None, "kashmir"),
        ("XAC", None, "aksai_chin"),
        ("XHT", None, "halaib"),
        # reserved and withdrawn codes
        ("UK", None, "GB"),
        ("EA", None, "ES"),
        ("ZR", None, "CD"),
        ("SU", None, "SU"),
        # unusable codes: the name speaks
        ("-99", "Kosovo", "XK"),
        (-99, "N. Cyprus", "northern_cyprus"),
        ("", "Somaliland", "somaliland"),
        ("nan", "Siachen Glacier", "siachen"),
        # code and name differ: the name decides
        ("RS", "Kosovo", "XK"),
        ("CN", "Taiwan", "TW"),
        ("MAR", "W. Sahara", "EH"),
        # abbreviations and inversions
        (None, "W. Sahara", "EH"),
        (None, "Western_Sahara", "EH"),
        (None, "Dem. Rep. Congo", "CD"),
        (None, "Congo, the Democratic Republic of the", "CD"),
        (None, "Congo", "CG"),
        (None, "S. Sudan", "SS"),
        (None, "Sudan (South)", "SS"),
        (None, "Sudan", "SD"),
        (None, "Cote d'Ivoire", "CI"),
        (None, "Côte d’Ivoire", "CI"),
        (None, "Falkland Is.", "FK"),
        (None, "Falkland Islands (Islas Malvinas)", "FK"),
        (None, "Republic of Cyprus", "CY"),
        (None, "Iran (Islamic Republic of)", "IR"),
        (None, "Korea (Republic of)", "KR"),
        (None, "Korea (Democratic People's Republic of)", "KP"),
        (None, "Korea (North)", "KP"),
        (None, "Guinea (Bissau)", "GW"),
        (None, "USA", "US"),
        (None, "U.S. Virgin Islands", "VI"),
        (None, "S. Geo. and the Is.", "GS"),
        (None, "St. Vin. and Gren.", "VC"),
        (None, "Palestinian Territory, Occupied", "PS"),
        (None, "West Bank", "PS"),
        (None, "Hong Kong SAR China", "HK"),
        (None, "Macau", "MO"),
        (None, "Macedonia (FYROM)", "MK"),
        (None, "Republic of China", "TW"),
        (None, "People's Republic of China", "CN"),
        (None, "Republic of Ireland", "IE"),
        # many scripts
        (None, "Косово", "XK"),
        (None, "科索沃", "XK"),
        (None, "台湾", "TW"),
        (None, "臺灣", "TW"),
        (None, "대한민국", "KR"),
        (None, "भारत", "IN"),
        (None, "الصحراء الغربية", "EH"),
        (None, "北塞浦路斯", "northern_cyprus"),
        (None, "锡亚琴冰川", "siachen"),
        (None, "Türkiye", "TR"),
        (None, "TÜRKİYE", "TR"),
        # entities without a code
        (None, "Baikonur", "baikonur"),
        (None, "Akrotiri", "sba_cyprus"),
        (None, "Dhekelia", "sba_cyprus"),
        (None, "Kashmir", "kashmir"),
        (None, "Abkhazia", "abkhazia"),
        (None, "Crimea", "crimea"),
        # the name in the id, the code in the name
        ("Western Sahara", None, "EH"),
        (None, "ISR", "IL"),
        (None, "RU", "RU"),
        (None, "SA", "SA"),
    ],
)
def test_a_word_of_a_source_is_one_owner(code: str | int | None, name: str | None, identity: str) -> None:
    assert owner(code, name) == identity


@pytest.mark.parametrize(
    "name",
    [
        "Serbia (Kosovo)",  # two owners in one name are a claim, not an owner
        "Crimea (Ukraine)",
        "Israel / Palestine",
        "Jerusalem",
        "Virgin Islands",
        "Austrla",  # a misspelling is never guessed
        "Nigeri",  # one language's Niger and another's Nigeria
        "Конго",
        "European Union",
        "संयुक्त राष्ट्र",  # the United Nations, which one CLDR locale also calls the United Kingdom
        "Chinese claim",
    ],
)
def test_a_word_that_could_be_two_owners_is_none(name: str) -> None:
    assert owner(None, name) == f"?{name}"


def test_nothing_at_all_is_nobody() -> None:
    assert owner(None) == owner("") == owner("-99", "") == owner(-99) == "?"


def test_what_is_unknown_keeps_the_sources_own_word() -> None:
    assert owner("ZZZ9", "Atlantis") == "?Atlantis"
    assert owner("ZZZ9", None) == "?ZZZ9"
    assert label("?Atlantis") == "Atlantis"


def test_a_source_may_bring_words_of_its_own() -> None:
    words = {"DISPUTED": "?disputed", "C1": "XK"}
    assert owner(None, "DISPUTED", words=words) == "?disputed"
    assert owner("C1", None, words=words) == "XK"
    assert owner("IL", "Israel", words=words) == "IL"


@given(st.sampled_from(IDENTITIES))
def test_an_identity_means_itself(identity: str) -> None:
    assert owner(identity) == identity
    assert label(identity) != ""


@given(st.text(max_size=40), st.one_of(st.none(), st.text(max_size=40)))
def test_asking_again_changes_nothing(code: str, name: str | None) -> None:
    identity = owner(code, name)
    assert identity.startswith("?") or identity in TABLES["labels"]
    assert owner(None, identity) == identity or not identity.startswith("?")
    if not identity.startswith("?"):
        assert owner(identity) == identity


@given(st.sampled_from(sorted(TABLES["names"])))
def test_case_and_punctuation_say_nothing(word: str) -> None:
    identity = owner(None, word)
    assert owner(None, word.upper()) == identity or word.upper().casefold() != word.casefold()
    assert owner(None, f"  {word.replace(' ', '_')} ") == identity
    assert owner(None, f"{word}*") == identity


@given(st.text())
def test_folding_twice_is_folding_once(text: str) -> None:
    assert fold(fold(text)) == fold(text)


def test_a_code_in_the_place_of_a_name_is_that_code() -> None:
    """Some languages shorten one owner's name to another's code: no such word is in the table."""
    for code, identity in TABLES["codes"].items():
        if code.isalpha() and len(code) in (2, 3):
            assert owner(None, code) == identity, code


def test_every_label_is_a_word_and_every_word_has_an_owner_with_a_label() -> None:
    assert all(text.strip() for text in TABLES["labels"].values())
    assert set(TABLES["names"].values()) <= set(TABLES["labels"])
    assert set(TABLES["codes"].values()) <= set(TABLES["labels"])


def test_every_dispute_has_an_owner_of_its_name() -> None:
    """A territory drawn as its own thing resolves to itself or to its code, never to a claimant by accident."""
    for dispute in catalogue(geometry=False):
        if dispute.type not in ("territory", "border"):
            continue
        identity = owner(dispute.slug)
        own = {dispute.slug, dispute.codes.get("iso2"), dispute.codes.get("user_assigned")}
        assert identity in own, dispute.slug


def test_the_tables_are_up_to_date_with_the_catalogue() -> None:
    """Run ``python scripts/build_catalogue.py names`` where this fails."""
    for dispute in catalogue(geometry=False):
        assert TABLES["labels"].get(dispute.slug) == dispute.name
        for code in dispute.codes.get("natural_earth_brk_a3", "").split():
            assert code in TABLES["codes"], (dispute.slug, code)


def test_a_dispute_added_as_a_file_is_an_owner_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "disputes").mkdir()
    (tmp_path / "names.json").write_text(json.dumps(TABLES))
    record = {"name": "New Rock", "type": "territory", "names": {"fr": ["Nouveau Rocher", "France"]}}
    (tmp_path / "disputes" / "new_rock.json").write_text(json.dumps(record))
    monkeypatch.setattr(owners, "DATA", tmp_path)
    tables = owners._tables.__wrapped__()
    assert tables["codes"]["new_rock"] == tables["names"]["nouveau rocher"] == "new_rock"
    assert tables["labels"]["new_rock"] == "New Rock"
    assert tables["names"]["france"] == "FR"


def test_iso_3166_is_known_by_every_code_and_name() -> None:
    import pycountry

    for country in pycountry.countries:
        for code in (country.alpha_2, country.alpha_3, country.numeric):
            assert owner(code) == country.alpha_2
        assert owner(None, country.name) == country.alpha_2
        assert owner(None, getattr(country, "official_name", country.name)) == country.alpha_2


def test_every_languages_name_for_a_territory_is_that_territory_or_nothing() -> None:
    """CLDR as Babel ships it (another release than the table's): no name may be another's."""
    from babel import Locale

    wrong, unknown, asked = [], 0, 0
    for lang in LANGUAGES:
        for code, name in Locale.parse(lang).territories.items():
            if len(code) != 2 or code in ("EU", "EZ", "UN", "QO", "XA", "XB", "ZZ"):
                continue
            asked += 1
            identity = owner(None, name)
            if identity.startswith("?"):
                unknown += 1
            elif identity != owner(code):
                wrong.append((lang, code, name, identity))
    assert wrong == []
    assert unknown / asked < 0.01


def _features(path: Path) -> Iterator[dict[str, object]]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return
    if not isinstance(content, dict):
        return
    for feature in content.get("features", []):
        yield {"id": feature.get("id"), **(feature.get("properties") or {})}
    for layer in content.get("objects", {}).values():
        for feature in layer.get("geometries", []):
            yield {"id": feature.get("id"), **(feature.get("properties") or {})}


def test_real_maps_leave_no_territory_unresolved() -> None:
    """Every feature with a two- or three-letter ISO code in the recorded maps has an owner."""
    folder = SHARED / "data"
    if not folder.exists():
        pytest.skip("no recorded maps beside the repository")
    unresolved, asked = set(), 0
    for path in sorted([*folder.rglob("*.json"), *folder.rglob("*.geojson")]):
        for feature in _features(path):
            code = next(
                (feature[key] for key in ("ISO_A2", "iso_a2", "ISO_A3", "iso_a3", "iso1A2") if feature.get(key)), None
            )
            name = next(
                (feature[key] for key in ("NAME", "name", "nameEn", "ADMIN", "admin") if feature.get(key)), None
            )
            if code is None or code in ("EU", "EZ", "UN"):
                continue
            asked += 1
            if owner(str(code), str(name) if name else None).startswith("?"):
                unresolved.add((str(code), str(name)))
    assert asked > 3000
    lines = {pair for pair in unresolved if pair[0] == "-99"}
    assert unresolved - lines == set()


def test_the_tables_are_read_late_and_fast() -> None:
    code = (
        "import sys, time; start = time.perf_counter(); from borderwatch.owners import owner;"
        "loaded = 'babel' in sys.modules or 'pycountry' in sys.modules; middle = time.perf_counter();"
        "owner('-99', 'Kosovo'); print(loaded, time.perf_counter() - middle)"
    )
    loaded, seconds = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert loaded == "False"
    assert float(seconds) < 0.5  # 0.06 s on an idle machine
