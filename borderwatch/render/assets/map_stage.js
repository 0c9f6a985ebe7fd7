// One map: draws what two sides show, what changed between them, their names; and the divider that parts them.
"use strict";

function borderwatchStage({ map, layers }, data, shapes, words) {
  const { place, path, areas, lines, outlines } = shapes;
  const [element, said] = [borderwatchElement, borderwatchWords];
  const sides = ["before", "after"];
  const svg = (pane, tolerance = 4) => L.svg({ pane, padding: 0.5, tolerance });
  const drawnIn = ["land", "before", "after", "outline", "lines", "before-marks", "after-marks"];
  const renderers = Object.fromEntries(drawnIn.map((name) => [name, svg(name)]));
  const style = (pane, className, more = {}) => ({ pane, renderer: renderers[pane], className, interactive: false, ...more });
  const frame = L.latLngBounds([[data.frame[1], data.frame[0]], [data.frame[3], data.frame[2]]]);
  const reach = L.latLngBounds([[data.window[1], data.window[0]], [data.window[3], data.window[2]]]);
  let names = [];
  const everywhere = L.latLngBounds([[-90, -720], [90, 720]]);
  let bounded = false;

  function tip(layer, ...rows) {
    layer.bindTooltip(() => {
      const box = element("div", "tip");
      for (const row of rows) if (row) box.append(row instanceof Node ? row : said(row, "p"));
      return box;
    }, { sticky: true, className: "tip-frame", opacity: 1 });
    return layer;
  }

  // --- what is always there -------------------------------------------------------------------

  if (data.land) L.polygon(areas(data.land), style("land", "land")).addTo(layers.land);
  for (const kind of ["halo", "outline"]) {
    if (data.outline) {
      if (data.outline.a) L.polygon(areas(data.outline), style("outline", kind, { fill: false })).addTo(layers.outline);
      if (data.outline.l) L.polyline(lines(data.outline), style("outline", kind)).addTo(layers.outline);
    } else if (data.box) L.rectangle(frame, style("outline", kind, { fill: false })).addTo(layers.outline);
  }
  data.lines.forEach((line, i) => {
    if (!line.g) return;
    const drawn = [...lines(line.g), ...(line.g.a || []).flat().map(path)];
    L.polyline(drawn, style("lines", "halo")).addTo(layers.lines);
    const rival = L.polyline(drawn, style("lines", `rival rival-${i % 4}`, { interactive: true })).addTo(layers.lines);
    tip(rival, said(line.label, "strong"), words.putForward);
  });

  // --- what one side shows --------------------------------------------------------------------

  function name(side, text, at, room, className, ground) {
    const box = element("span", "", text);
    box.dir = "auto";
    const icon = L.divIcon({ className: `name ${className}`, html: box, iconSize: null });
    const marker = L.marker(place(...at), { icon, pane: `${side}-names`, interactive: false, keyboard: false });
    names.push({ marker, room, side, ground, first: className.includes("name-mark") });
    marker.addTo(layers.names);
  }

  function draw(side, picture, when) {
    const group = layers[side];
    group.clearLayers();
    for (const one of names) if (one.side === side) layers.names.removeLayer(one.marker);
    names = names.filter((one) => one.side !== side);
    if (picture === null || picture === undefined) return;
    const { things, cut } = data.pictures[picture];
    const grounds = new Map();
    // Ground first, lines above, so that a line is never hidden by a neighbour's fill.
    for (const thing of things) {
      if (!thing.g.a) continue;
      const fill = `ground ground-${thing.f}${thing.r === "sea" ? " sea" : ""}`;
      const ground = L.polygon(areas(thing.g), style(side, fill, { stroke: false, interactive: true }));
      const owner = thing.r ? words.roles[thing.r] : thing.f === "none" ? words.noOwner : `${words.groundOf} ${thing.o}`;
      const shown = thing.r === "sea" && thing.f !== "none" ? `${owner}, ${thing.o}` : owner;
      grounds.set(thing, tip(ground, said(thing.l, "strong"), shown, words.styles[thing.s], when).addTo(group));
    }
    for (const thing of things) {
      const kind = `edge edge-${thing.f} line-${thing.s || "none"} role-${thing.r || "area"}`;
      const ends = outlines(thing.g, cut);
      if (ends.cut.length) L.polyline(ends.cut, style(side, "sheet")).addTo(group);
      const runs = [...ends.drawn, ...lines(thing.g)];
      if (!runs.length) continue;
      const edge = L.polyline(runs, style(side, kind, { interactive: thing.r === "boundary" }));
      if (thing.r === "boundary") tip(edge, said(thing.l, "strong"), words.styles[thing.s] || words.roles.boundary, when);
      edge.addTo(group);
    }
    for (const thing of things)
      if (thing.p && thing.p.length) name(side, thing.l, thing.p, thing.w || 0, `name-${thing.f}`, grounds.get(thing));
  }

  // Marks are [{g, p, w, mark, label, told: [rows]}]: lost on the one side, gained on the other, each with its words.
  const markGroups = Object.fromEntries(sides.map((side) => [side, L.layerGroup()]));
  if (layers.marks) for (const side of sides) markGroups[side].addTo(layers.marks);
  function mark(side, marks) {
    if (!layers.marks) return;
    const group = markGroups[side];
    group.clearLayers();
    for (const { g, p, w, mark: kind, label, told } of marks) {
      if (!g) continue;
      const options = (extra) => style(`${side}-marks`, `change change-${kind}${extra}`, { interactive: true });
      const add = (layer) => tip(layer, ...told).addTo(group);
      const ground = g.a ? add(L.polygon(areas(g), options(""))) : null;
      if (g.l) add(L.polyline(lines(g), options(" change-line")));
      for (const point of g.p || []) add(L.circleMarker(place(...point), { ...options(" change-point"), radius: 14 }));
      if (label && p && p.length) name(side, label, p, w || 0, `name-mark mark-${kind}`, ground);
    }
  }

  // --- the divider ----------------------------------------------------------------------------

  const tags = Object.fromEntries(sides.map((side) => [side, element("span", `map-tag tag-${side}`)]));
  const divider = element("div", "divider");
  divider.setAttribute("aria-hidden", "true");
  map.getContainer().parentElement.append(divider, tags.before, tags.after);
  let share = 0;

  // `part` of the map's width shows before, the rest after; titles are [heading, text] by side.
  function split(part, titles) {
    share = part;
    const size = map.getSize();
    const x = size.x * part;
    const top = map.containerPointToLayerPoint([0, 0]);
    const clip = (left, right) => {
      const corners = [[left, 0], [right, 0], [right, size.y], [left, size.y]];
      return `polygon(${corners.map(([cx, cy]) => `${cx + top.x}px ${cy + top.y}px`).join(",")})`;
    };
    for (const end of ["", "-marks", "-names"]) {
      map.getPane(`before${end}`).style.clipPath = clip(0, x);
      map.getPane(`after${end}`).style.clipPath = clip(x, size.x);
    }
    divider.hidden = part <= 0 || part >= 1;
    divider.style.left = `${part * 100}%`;
    for (const side of sides) {
      const title = titles && titles[side];
      tags[side].hidden = !title || (side === "before" ? part < 0.04 : part > 0.96);
      tags[side].classList.toggle("alone", part <= 0 || part >= 1);
      if (title) tags[side].replaceChildren(element("b", "", title[0]), " ", said(title[1]));
    }
    declutter(x);
  }

  // Names stay in sight, on their own side of the divider and on their own ground, as far as that is possible;
  // they give way to words about what changed, and to roomier neighbours of the same side.
  function declutter(x) {
    const size = map.getSize();
    const taken = { before: [], after: [] };
    const between = (value, low, high) => Math.min(Math.max(value, low), Math.max(low, high));
    for (const { marker, side, ground } of [...names].sort((a, b) => b.first - a.first || b.room - a.room)) {
      const node = marker.getElement();
      if (!node) continue;
      node.style.display = "";
      const text = node.firstElementChild;
      const [w, h] = [text.offsetWidth / 2 + 4, text.offsetHeight / 2 + 1];
      const at = map.latLngToContainerPoint(marker.getLatLng());
      const [low, high] = side === "after" ? [x, size.x] : [0, x];
      const to = L.point(between(at.x, low + w, high - w), between(at.y, 46 + h, size.y - 30 - h));
      const moved = Math.hypot(to.x - at.x, to.y - at.y);
      const shape = ground && ground.getElement();
      const spot = map.containerPointToLayerPoint(to);
      const fits = high - low > 2 * w && (moved < 1 || (shape ? shape.isPointInFill(new DOMPoint(spot.x, spot.y)) : moved < 160));
      text.style.transform = `translate(calc(-50% + ${to.x - at.x}px), calc(-50% + ${to.y - at.y}px))`;
      const box = [to.x - w, to.y - h, to.x + w, to.y + h];
      const apart = taken[side].every((b) => box[2] < b[0] || box[0] > b[2] || box[3] < b[1] || box[1] > b[3]);
      if (fits && apart) taken[side].push(box);
      else node.style.display = "none";
    }
  }

  function fit() {
    // Above stand the tags. A map out of bounds is pulled back, also when a pan is stopped: bounds go first, come last.
    const wide = map.getSize().x;
    const side = Math.min(24, wide / 16);
    if (bounded) map.options.maxBounds = everywhere;
    map.stop();
    map.setMinZoom(0);
    map.setMaxZoom(20);
    map.fitBounds(frame, { paddingTopLeft: [side, wide < 500 ? 50 : 44], paddingBottomRight: [side, 22], animate: false });
    const zoom = map.getZoom();
    if (bounded) map.options.maxBounds = reach;
    else map.setMaxBounds(reach);
    bounded = true;
    map.setMinZoom(Math.min(zoom, Math.max(map.getBoundsZoom(reach, true), zoom - 2)));
    map.setMaxZoom(zoom + 4);
  }

  L.control.scale({ imperial: false, maxWidth: 120 }).addTo(map);
  map.getContainer().setAttribute("role", "region");
  return { map, layers, draw, mark, split, fit, share: () => share };
}
