// Draws a dispute's map from the page's own data. Every text is set as text, never as HTML.
"use strict";

// Leaflet's default credit carries a state's flag; the project takes no side.
L.Control.Attribution.mergeOptions({ prefix: '<a href="https://leafletjs.com" rel="noopener noreferrer">Leaflet</a>' });

function borderwatchMap(map, layers, layerControl) {
  const data = JSON.parse(document.getElementById("map-data").textContent);
  const grid = 65536;
  const [west, south, east, north] = data.window;
  const byId = (id) => document.getElementById(id);
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;

  // --- from the page's numbers to places -------------------------------------------------------

  const place = (x, y) => [south + (y / grid) * (north - south), west + (x / grid) * (east - west)];

  const walked = new Map();
  function steps(ring) {
    if (!walked.has(ring)) {
      const flat = data.rings[ring];
      const points = [];
      for (let i = 0, x = 0, y = 0; i < flat.length; i += 2) points.push([(x += flat[i]), (y += flat[i + 1])]);
      walked.set(ring, points);
    }
    return walked.get(ring);
  }
  const path = (ring) => steps(ring).map(([x, y]) => place(x, y));
  const areas = (g) => (g.a || []).map((rings) => rings.map(path));
  const lines = (g) => (g.l || []).map(path);

  // Where the window or a source's sheet ends no source draws a line: such edges are kept apart.
  function outlines(g, sheet) {
    const ends = [[0, 0, grid, grid], sheet];
    const cut = (a, b) => ends.some(([x0, y0, x1, y1]) =>
      (a[0] === b[0] && (a[0] <= x0 || a[0] >= x1)) || (a[1] === b[1] && (a[1] <= y0 || a[1] >= y1)));
    const runs = { drawn: [], cut: [] };
    for (const ring of (g.a || []).flat()) {
      const points = steps(ring);
      let run = [];
      points.forEach((point, i) => {
        const next = points[(i + 1) % points.length];
        if (!run.length) run.push(place(...point));
        if (cut(point, next)) {
          if (run.length > 1) runs.drawn.push(run);
          runs.cut.push([place(...point), place(...next)]);
          run = [];
        } else run.push(place(...next));
      });
      if (run.length > 1) runs.drawn.push(run);
    }
    return runs;
  }

  // --- words ---------------------------------------------------------------------------------------

  function element(tag, className, ...texts) {
    const made = document.createElement(tag);
    if (className) made.className = className;
    for (const text of texts) made.append(text);
    return made;
  }
  function words(text, tag = "bdi") {
    const made = element(tag, "", text);
    made.dir = "auto";
    return made;
  }
  const escaped = (text) => {
    const made = element("span");
    made.append(words(text));
    return made.innerHTML;
  };
  const styles = { solid: "drawn as a solid line", dashed: "drawn as a dashed line", not_drawn: "line not drawn" };
  const roles = { sea: "sea zone", boundary: "boundary line", label: "label" };

  function tip(layer, ...rows) {
    layer.bindTooltip(() => {
      const box = element("div", "tip");
      for (const row of rows) if (row) box.append(row instanceof Node ? row : words(row, "p"));
      return box;
    }, { sticky: true, className: "tip-frame", opacity: 1 });
    return layer;
  }

  // --- what is always there -------------------------------------------------------------------

  const svg = (pane, tolerance = 4) => L.svg({ pane, padding: 0.5, tolerance });
  const renderers = Object.fromEntries(["land", "before", "after", "outline", "lines", "changed"].map((n) => [n, svg(n)]));
  const style = (pane, className, more = {}) => ({ pane, renderer: renderers[pane], className, interactive: false, ...more });

  if (data.land) L.polygon(areas(data.land), style("land", "land")).addTo(layers.land);
  if (data.outline) {
    for (const kind of ["halo", "outline"]) {
      if (data.outline.a) L.polygon(areas(data.outline), style("outline", kind, { fill: false })).addTo(layers.outline);
      if (data.outline.l) L.polyline(lines(data.outline), style("outline", kind)).addTo(layers.outline);
    }
  } else if (data.box) {
    const [w, s, e, n] = data.frame;
    for (const kind of ["halo", "outline"])
      L.rectangle([[s, w], [n, e]], style("outline", kind, { fill: false })).addTo(layers.outline);
  }
  data.lines.forEach((line, i) => {
    if (!line.g) return;
    const drawn = [...lines(line.g), ...(line.g.a || []).flat().map(path)];
    L.polyline(drawn, style("lines", "halo")).addTo(layers.lines);
    const rival = L.polyline(drawn, style("lines", `rival rival-${i % 4}`, { interactive: true })).addTo(layers.lines);
    tip(rival, words(line.label, "strong"), "line put forward");
  });

  // --- one choice at a time ---------------------------------------------------------------------

  const names = [];
  function name(thing, pane, ground) {
    if (!thing.p || !thing.p.length) return null;
    const text = element("span", "", thing.l);
    text.dir = "auto";
    const icon = L.divIcon({ className: `name name-${thing.f}`, html: text, iconSize: null });
    const marker = L.marker(place(...thing.p), { icon, pane: `${pane}-names`, interactive: false, keyboard: false });
    names.push({ marker, room: thing.w || 0, pane, ground });
    return marker;
  }

  function draw(capture, pane, when) {
    const group = layers[pane];
    group.clearLayers();
    if (capture === null || capture === undefined) return;
    const { things, cut } = data.captures[capture];
    const grounds = new Map();
    // Ground first, lines above, so that a line is never hidden by a neighbour's fill.
    for (const thing of things) {
      const told = [
        words(thing.l, "strong"),
        thing.r === "area" ? (thing.f === "none" ? "no owner shown" : `shown as ground of ${thing.o}`) : roles[thing.r],
        styles[thing.s], `${pane === "before" ? "Before" : data.choices[chosen].group === "now" ? "Now" : "After"}: ${when}`,
      ];
      if (thing.g.a) {
        const fill = `ground ground-${thing.f}${thing.r === "sea" ? " sea" : ""}`;
        const ground = L.polygon(areas(thing.g), style(pane, fill, { stroke: false, interactive: true }));
        grounds.set(thing, tip(ground, ...told).addTo(group));
      }
    }
    for (const thing of things) {
      const kind = `edge edge-${thing.f} line-${thing.s || "none"} role-${thing.r}`;
      const ends = outlines(thing.g, cut);
      if (ends.cut.length) L.polyline(ends.cut, style(pane, "sheet")).addTo(group);
      const runs = [...ends.drawn, ...lines(thing.g)];
      if (!runs.length) continue;
      const edge = L.polyline(runs, style(pane, kind, { interactive: thing.r === "boundary" }));
      if (thing.r === "boundary") tip(edge, words(thing.l, "strong"), styles[thing.s] || roles.boundary, when);
      edge.addTo(group);
    }
    for (const thing of things) {
      const marker = name(thing, pane, grounds.get(thing));
      if (marker) marker.addTo(group);
    }
  }

  function drawChanges(choice) {
    if (!layers.changed) return;
    layers.changed.clearLayers();
    for (const change of choice.changes) {
      if (!change.g) continue;
      const options = (extra) => style("changed", `change change-${change.kind}${extra}`, { interactive: true });
      const rows = [words(change.word, "strong"), change.text];
      const add = (layer) => tip(layer, ...rows).addTo(layers.changed);
      if (change.g.a) add(L.polygon(areas(change.g), options("")));
      if (change.g.l) add(L.polyline(lines(change.g), options(" change-line")));
      for (const point of change.g.p || []) add(L.circleMarker(place(...point), { ...options(" change-point"), radius: 14 }));
    }
  }

  let chosen = 0;
  let credited = null;
  const attribution = (text) => {
    if (credited) map.attributionControl.removeAttribution(credited);
    credited = escaped(text);
    map.attributionControl.addAttribution(credited);
  };

  function choose(index) {
    const choice = data.choices[index];
    if (!choice) return;
    chosen = index;
    names.length = 0;
    if (layers.before) draw(choice.before, "before", choice.beforeTitle);
    if (layers.after) draw(choice.after, "after", choice.afterTitle);
    drawChanges(choice);
    attribution(choice.credit);
    const said = byId("map-said");
    said.replaceChildren();
    if (choice.group === "now") said.append(words(`Shown now: ${choice.title}`, "p"));
    for (const change of choice.changes.slice(0, 2)) {
      const row = element("p");
      row.append(element("strong", `said said-${change.kind}`, change.word), " ", words(change.text));
      said.append(row);
    }
    if (choice.changes.length > 2) {
      const more = element("a", "", `and ${choice.changes.length - 2} more between these editions, in the table`);
      more.href = "#changes";
      said.append(element("p", "", more));
    }
    settle();
  }

  // --- the divider ---------------------------------------------------------------------------------

  const slider = byId("map-swipe");
  const divider = byId("map-divider");
  const tags = { before: byId("map-before"), after: byId("map-after") };

  function settle() {
    const choice = data.choices[chosen];
    if (!choice) {
      for (const node of [divider, byId("map-swipe-row"), tags.before, tags.after]) node.hidden = true;
      return;
    }
    const on = (key) => Boolean(layers[key] && map.hasLayer(layers[key]));
    const both = on("before") && on("after") && choice.before !== null && choice.after !== null && choice.group === "change";
    const size = map.getSize();
    const share = both ? Number(slider.value) / 100 : on("before") && choice.group === "change" ? 1 : 0;
    const [x, top] = [size.x * share, map.containerPointToLayerPoint([0, 0])];
    const clip = (left, right) => {
      const corners = [[left, 0], [right, 0], [right, size.y], [left, size.y]];
      return `polygon(${corners.map(([cx, cy]) => `${cx + top.x}px ${cy + top.y}px`).join(",")})`;
    };
    for (const pane of ["before", "before-names"]) map.getPane(pane).style.clipPath = both ? clip(0, x) : "";
    for (const pane of ["after", "after-names"]) map.getPane(pane).style.clipPath = both ? clip(x, size.x) : "";
    divider.hidden = !both;
    divider.style.left = `${share * 100}%`;
    byId("map-swipe-row").hidden = !both;
    slider.setAttribute("aria-valuetext", `${Math.round(share * 100)} % of the map shows before, the rest after`);
    tags.before.hidden = !(on("before") && choice.before !== null && choice.group === "change") || (both && share < 0.04);
    tags.after.hidden = !(on("after") && choice.after !== null) || (both && share > 0.96);
    tags.before.replaceChildren(element("b", "", "Before"), " ", words(choice.beforeTitle));
    tags.after.replaceChildren(element("b", "", choice.group === "now" ? "Now" : "After"), " ", words(choice.afterTitle));
    declutter(both ? x : null);
  }

  // Names stay in sight, on their own side of the divider and on their own ground, as far as that is possible;
  // they give way to roomier neighbours of the same state.
  function declutter(x) {
    const size = map.getSize();
    const taken = { before: [], after: [] };
    const between = (value, low, high) => Math.min(Math.max(value, low), Math.max(low, high));
    for (const { marker, room, pane, ground } of [...names].sort((a, b) => b.room - a.room)) {
      const node = marker.getElement();
      if (!node) continue;
      node.style.display = "";
      const text = node.firstElementChild;
      const [w, h] = [text.offsetWidth / 2 + 4, text.offsetHeight / 2 + 1];
      const at = map.latLngToContainerPoint(marker.getLatLng());
      const low = x !== null && pane === "after" ? x : 0;
      const high = x !== null && pane === "before" ? x : size.x;
      const to = L.point(between(at.x, low + w, high - w), between(at.y, 46 + h, size.y - 30 - h));
      const moved = Math.hypot(to.x - at.x, to.y - at.y);
      const shape = ground && ground.getElement();
      const spot = map.containerPointToLayerPoint(to);
      const fits = moved < 1 || (shape && shape.isPointInFill(new DOMPoint(spot.x, spot.y)));
      text.style.transform = `translate(calc(-50% + ${to.x - at.x}px), calc(-50% + ${to.y - at.y}px))`;
      const box = [to.x - w, to.y - h, to.x + w, to.y + h];
      const apart = taken[pane].every((b) => box[2] < b[0] || box[0] > b[2] || box[3] < b[1] || box[1] > b[3]);
      if (fits && apart) taken[pane].push(box);
      else node.style.display = "none";
    }
  }

  // --- the page around the map ------------------------------------------------------------------

  const frame = L.latLngBounds([[data.frame[1], data.frame[0]], [data.frame[3], data.frame[2]]]);
  const reach = L.latLngBounds([[south, west], [north, east]]);
  function fit() {
    // Above stand the two tags, below the credits; on a phone credits would hide the map and stand under it.
    const wide = map.getSize().x;
    const side = Math.min(28, wide / 16);
    const margin = { paddingTopLeft: [side, wide < 500 ? 52 : 40], paddingBottomRight: [side, 32], animate: false };
    const corner = map.getContainer().querySelector(".leaflet-bottom.leaflet-right");
    (wide < 640 ? byId("map-credit") : corner).append(map.attributionControl.getContainer());
    map.setMinZoom(0);
    map.setMaxZoom(20);
    map.setMaxBounds(reach);
    map.fitBounds(frame, margin);
    const zoom = map.getZoom();
    map.setMinZoom(Math.min(zoom, Math.max(map.getBoundsZoom(reach, true), zoom - 2)));
    map.setMaxZoom(zoom + 4);
  }

  L.control.scale({ imperial: false, maxWidth: 120 }).addTo(map);
  map.attributionControl.addAttribution(escaped(data.credit));
  byId("map-layers").append(layerControl.getContainer());
  byId("map-stage").append(divider, tags.before, tags.after);
  map.getContainer().setAttribute("role", "region");
  map.getContainer().setAttribute("aria-label", byId("map-stage").dataset.label);
  fit();

  const select = byId("map-choice");
  if (select) select.addEventListener("change", () => choose(Number(select.value)));
  for (const button of document.querySelectorAll("[data-choice]"))
    button.addEventListener("click", () => {
      select.value = button.dataset.choice;
      choose(Number(button.dataset.choice));
      byId("map").scrollIntoView({ behavior: still ? "auto" : "smooth" });
      select.focus({ preventScroll: true });
    });
  slider.addEventListener("input", settle);
  byId("map-fit").addEventListener("click", fit);
  map.on("move zoomend viewreset resize", settle);
  map.on("overlayadd overlayremove", settle);
  map.on("resize", fit);
  if (data.choices.length) choose(0);
  else settle();
  document.documentElement.dataset.map = "ready";
}
