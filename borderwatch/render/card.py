"""The picture of one change for social cards: 1,200 x 630 PNG, drawn by Pillow from the same geometry as its map."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Sequence
from functools import cache
from importlib.resources import as_file, files
from typing import TYPE_CHECKING, Any

from borderwatch.models import Change, Dispute, Kind, Role
from borderwatch.render import sentences, words
from borderwatch.render.changemap import Scene, Shape, parts_of
from borderwatch.render.drawing import Box
from borderwatch.render.language import gettext as _

if TYPE_CHECKING:
    from PIL import Image, ImageDraw, ImageFont
    from shapely.geometry.base import BaseGeometry

SIZE = (1200, 630)
MARGIN = 48
PANE = (540, 318)
FINE = 2
"""Panes are drawn so many times larger and reduced: Pillow's lines have no soft edges of their own."""

PAPER, INK, SOFT = "#ffffff", "#18212b", "#4c5a68"
SEA, LAND, SHORE, PLAIN, LINE, BEYOND = "#e3eaf0", "#faf8f3", "#a9b2bb", "#efeeea", "#5a6570", "#ffffff"
GROUND = {"o0": "#c4c7c4", "o1": "#dcdedb"}
"""Two greys for whoever lost and gained; with hatching, as on the pages colours never stand for owners."""
KINDS = {
    Kind.TRANSFER: "#d55e00",
    Kind.GAP: "#d55e00",
    Kind.LAND_WATER: "#d55e00",
    Kind.OVERLAP: "#a5477c",
    Kind.APPEARED: "#00795a",
    Kind.DISAPPEARED: "#0072b2",
    Kind.BOUNDARY_MOVED: "#b87a00",
}
"""As in page.css: Okabe and Ito's colour-blind safe set."""
OTHER = "#5a5a5a"

Pixels = Callable[[Any], list[tuple[float, float]]]


def card(change: Change, dispute: Dispute | None, source_title: str, scene: Scene | None) -> bytes:
    """The picture as PNG; the same change gives the same bytes."""
    from PIL import Image, ImageDraw

    picture = Image.new("RGB", SIZE, PAPER)
    pen = ImageDraw.Draw(picture)
    pen.rectangle((0, 0, SIZE[0], 12), fill=KINDS.get(change.kind, OTHER))
    _heading(pen, change, dispute, source_title)
    if scene is not None:
        top = 232
        for x, title, capture, shapes in (
            (MARGIN, _("Before"), change.before, scene.before),
            (SIZE[0] - MARGIN - PANE[0], _("After"), change.after, scene.after),
        ):
            label = _fitted(pen, f"{title}: {sentences.state(capture)}", _font(22), PANE[0])
            pen.text((x, top), label, fill=INK, font=_font(22))
            picture.paste(_pane(scene, shapes, change), (x, top + 32))
            pen.rectangle((x, top + 32, x + PANE[0] - 1, top + 31 + PANE[1]), outline=SHORE)
    else:
        _names(picture, pen, change, dispute)
    motto = _("what the source draws, never what is so")
    foot = _fitted(pen, f"borderwatch · {motto}", _font(20), SIZE[0] - 2 * MARGIN)
    pen.text((MARGIN, SIZE[1] - 40), foot, fill=SOFT, font=_font(20))
    out = io.BytesIO()
    picture.quantize(128, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE).save(
        out, "PNG", optimize=False, compress_level=6
    )
    return out.getvalue()


def _heading(pen: ImageDraw.ImageDraw, change: Change, dispute: Dispute | None, source_title: str) -> None:
    room = SIZE[0] - 2 * MARGIN
    pen.text(
        (MARGIN, 34), _fitted(pen, sentences.place_name(dispute), _font(54, bold=True), room), INK, _font(54, bold=True)
    )
    sides = sentences.sides_of(change)
    what = " › ".join(_drawable(side) for side in sides) if sides else words.KIND_WORDS[change.kind][0]
    size = f"   {words.number(change.area_km2)} km²" if change.area_km2 else ""
    pen.text((MARGIN, 108), _fitted(pen, f"{what}{size}", _font(38), room), INK, _font(38))
    layer = f", {change.view.layer}" if change.view.layer else ""
    told = f"{words.day(change.after.shown_at)} · {source_title}{layer} · {words.KIND_WORDS[change.kind][0]}"
    pen.text((MARGIN, 170), _fitted(pen, told, _font(26), room), SOFT, _font(26))


# --- with a map ---------------------------------------------------------------------------------------


def _pane(scene: Scene, shapes: Sequence[Shape], change: Change) -> Image.Image:
    from PIL import Image, ImageDraw

    size = (PANE[0] * FINE, PANE[1] * FINE)
    picture = Image.new("RGB", size, SEA)
    pen = ImageDraw.Draw(picture)
    pixels = _projection(scene.frame, size)
    for part in parts_of(scene.land, "Polygon"):
        _polygon(pen, part, pixels, LAND)
        _outline(pen, part, pixels, SHORE, 1)
    for shape in shapes:
        if shape.sketch.role in {Role.AREA, Role.SEA}:
            for part in parts_of(shape.geometry, "Polygon"):
                _polygon(pen, part, pixels, GROUND.get(shape.fill, PLAIN))
    for shape in shapes:
        for line in parts_of(shape.edge, "LineString"):
            pen.line(pixels(line.coords), fill=LINE, width=2)
    if scene.sheet is not None:
        _beyond(pen, scene.sheet, pixels, size)
    colour = KINDS.get(change.kind, OTHER)
    _hatch(picture, scene.changed, pixels, colour)
    for part in parts_of(scene.changed, "Polygon"):
        _outline(pen, part, pixels, colour, 5)
    for line in parts_of(scene.changed, "LineString"):
        pen.line(pixels(line.coords), fill=colour, width=7, joint="curve")
    small = picture.reduce(FINE)
    _labels(ImageDraw.Draw(small), scene, shapes)
    return small


def _projection(frame: Box, size: tuple[int, int]) -> Pixels:
    """Web Mercator, with ``frame`` as large as it fits."""
    import numpy as np

    def upright(lat: Any) -> Any:
        return np.degrees(np.arcsinh(np.tan(np.radians(lat))))

    west, south, east, north = frame
    low, high = upright(south), upright(north)
    scale = min(size[0] / (east - west), size[1] / (high - low))
    x0, y0 = size[0] / 2 - scale * (west + east) / 2, size[1] / 2 + scale * (low + high) / 2

    def pixels(coordinates: Any) -> list[tuple[float, float]]:
        xy = np.asarray(coordinates, dtype=float)
        x = x0 + scale * xy[:, 0]
        y = y0 - scale * upright(np.clip(xy[:, 1], -85.0, 85.0))
        return list(zip(x.tolist(), y.tolist(), strict=True))

    return pixels


def _polygon(pen: ImageDraw.ImageDraw, part: Any, pixels: Pixels, fill: str) -> None:
    """One area. Its holes are left to whoever is drawn in them: a source's areas do not lie under each other."""
    pen.polygon(pixels(part.exterior.coords), fill=fill)


def _beyond(pen: ImageDraw.ImageDraw, sheet: Box, pixels: Pixels, size: tuple[int, int]) -> None:
    """Blank paper beyond what was kept for drawing, so that no cut looks like a boundary."""
    (west, south), (east, north) = pixels([sheet[:2], sheet[2:]])
    for box in (
        (0, 0, west, size[1]),
        (east, 0, size[0], size[1]),
        (0, 0, size[0], north),
        (0, south, size[0], size[1]),
    ):
        if box[2] > box[0] and box[3] > box[1]:
            pen.rectangle(box, fill=BEYOND)


def _outline(pen: ImageDraw.ImageDraw, part: Any, pixels: Pixels, colour: str, width: int) -> None:
    for ring in (part.exterior, *part.interiors):
        pen.line(pixels(ring.coords), fill=colour, width=width, joint="curve" if width > 2 else None)


def _hatch(picture: Image.Image, geometry: BaseGeometry, pixels: Pixels, colour: str) -> None:
    """Stripes over what changed, and at the least a ring that cannot be overlooked."""
    from PIL import Image, ImageDraw

    mask = Image.new("L", picture.size, 0)
    pen = ImageDraw.Draw(mask)
    for part in parts_of(geometry, "Polygon"):
        pen.polygon(pixels(part.exterior.coords), fill=255)
        for hole in part.interiors:
            pen.polygon(pixels(hole.coords), fill=0)
    picture.paste(colour, (0, 0), Image.composite(_stripes(picture.size), Image.new("L", picture.size, 0), mask))
    x, y = pixels(geometry.representative_point().coords)[0]
    box = mask.getbbox()
    if box is None or max(box[2] - box[0], box[3] - box[1]) < 40:
        ImageDraw.Draw(picture).ellipse((x - 34, y - 34, x + 34, y + 34), outline=colour, width=7)


@cache
def _stripes(size: tuple[int, int]) -> Image.Image:
    """How strongly the colour shows: a light tint everywhere, and diagonal stripes."""
    from PIL import Image, ImageDraw

    stripes = Image.new("L", size, 70)
    pen = ImageDraw.Draw(stripes)
    for x in range(-size[1], size[0], 26):
        pen.line((x, size[1], x + size[1], 0), fill=230, width=6)
    return stripes


def _labels(pen: ImageDraw.ImageDraw, scene: Scene, shapes: Sequence[Shape]) -> None:
    """Owners' names where there is room for them, the roomiest first."""
    import shapely

    from borderwatch.geometry import largest_circle

    pixels = _projection(scene.frame, PANE)
    taken: list[tuple[float, float, float, float]] = []
    rooms = []
    for shape in shapes:
        inside = (
            parts_of(shapely.clip_by_rect(shape.geometry, *scene.frame), "Polygon")
            if shape.sketch.role is Role.AREA
            else []
        )
        if inside and shape.sketch.owner is not None:
            largest = max(inside, key=lambda part: part.area)
            rooms.append((largest.area, shape, largest))
    for _area, shape, part in sorted(rooms, key=lambda room: (-room[0], room[1].sketch.label))[:6]:
        name = _drawable(words.owner_name(shape.sketch.owner))
        circle = largest_circle(part, 0.02 * math.sqrt(part.area))
        if circle.is_empty:
            continue
        x, y = pixels(circle.coords)[0]
        wide = pen.textlength(name, font=_font(20, bold=True))
        box = (x - wide / 2, y - 13, x + wide / 2, y + 13)
        inside_pane = box[0] > 4 and box[2] < PANE[0] - 4 and box[1] > 4 and box[3] < PANE[1] - 4
        if inside_pane and not any(_meet(box, other) for other in taken):
            pen.text((x, y), name, fill=INK, font=_font(20, bold=True), anchor="mm", stroke_width=3, stroke_fill=PAPER)
            taken.append(box)


def _meet(a: tuple[float, float, float, float], b: tuple[float, float, float, float]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


# --- without one --------------------------------------------------------------------------------------


def _names(picture: Image.Image, pen: ImageDraw.ImageDraw, change: Change, dispute: Dispute | None) -> None:
    """Where it is in the world, and the two texts where the font can write them."""
    from PIL import ImageDraw

    world = _world().copy()
    if dispute is not None:
        west, south, east, north = dispute.box
        x, y = (west + east) / 2 * world.width / 360 + world.width / 2, (84 - (south + north) / 2) * world.height / 144
        ImageDraw.Draw(world).ellipse(
            (x - 11, y - 11, x + 11, y + 11), fill=KINDS.get(change.kind, OTHER), outline=INK, width=3
        )
    picture.paste(world, (SIZE[0] - MARGIN - world.width, 248))
    room = SIZE[0] - 3 * MARGIN - world.width
    for y, title, text in ((262, _("Before"), change.old), (404, _("After"), change.new)):
        pen.text((MARGIN, y), title, fill=SOFT, font=_font(24))
        shown = _drawable(words.short(text, 80)) if text else _("nothing")
        for size in (44, 36, 28, 22):
            if pen.textlength(shown, font=_font(size, bold=True)) <= room:
                break
        pen.text((MARGIN, y + 34), _fitted(pen, shown, _font(size, bold=True), room), INK, _font(size, bold=True))


@cache
def _world() -> Image.Image:
    """The world's land, plate carree, from 84 degrees north to 60 south."""
    import shapely
    from PIL import Image, ImageDraw

    from borderwatch.render.land import land_of_the_world

    size = (600 * FINE, 240 * FINE)
    picture = Image.new("RGB", size, SEA)
    pen = ImageDraw.Draw(picture)
    for part in parts_of(shapely.simplify(land_of_the_world(), 0.2), "Polygon"):
        if part.area > 0.3:
            pen.polygon(
                [((x + 180) * size[0] / 360, (84 - y) * size[1] / 144) for x, y in part.exterior.coords], fill="#c9ced3"
            )
    return picture.reduce(FINE)


# --- text ---------------------------------------------------------------------------------------------


@cache
def _font(size: int, *, bold: bool = False) -> ImageFont.FreeTypeFont:
    """Noto Sans, from the package that ships it (SIL Open Font License): Latin, Greek, Cyrillic, Devanagari."""
    from PIL import ImageFont

    with as_file(files("fontpkg_noto_sans") / "files" / "NotoSans[wdth,wght].ttf") as path:
        font = ImageFont.truetype(str(path), size)
    font.set_variation_by_axes([700 if bold else 400, 100])
    return font


@cache
def _has(character: str) -> bool:
    """Whether the font draws this character as something else than the box for what it lacks."""
    font = _font(24)
    return character.isspace() or bytes(font.getmask(character)) != bytes(font.getmask("\U0010fffe"))


def _drawable(text: str) -> str:
    """``text`` where the font can write it, else words that say why not."""
    text = words.plain(text)
    return text if all(map(_has, text)) else _("a name in another script")


def _fitted(pen: ImageDraw.ImageDraw, text: str, font: ImageFont.FreeTypeFont, room: float) -> str:
    """``text`` cut to ``room`` pixels; characters the font lacks become a question mark."""
    text = "".join(c if _has(c) else "?" for c in words.plain(text))
    if pen.textlength(text, font=font) <= room:
        return text
    while text and pen.textlength(f"{text}…", font=font) > room:
        text = text[: -max(1, len(text) // 20)]
    return f"{text}…"
