// Draws the map of one change from the page's data. Every text is set as text, never as markup.
"use strict";
function changeMap(map, layers, control) {
  const data = JSON.parse(document.getElementById("change-data").textContent);
  const [west, south, east, north] = data.sheet || data.window;
  map.setMaxBounds([[south, west], [north, east]]);
  map.attributionControl.setPrefix(false);
  const fitted = map.getBoundsZoom([[south, west], [north, east]]);
  map.setMinZoom(Math.min(fitted, map.getZoom()));
  map.setMaxZoom(map.getZoom() + 5);
  L.control.zoom({ zoomInTitle: data.words.in, zoomOutTitle: data.words.out }).addTo(map);
  L.control.scale({ imperial: false }).addTo(map);

  const text = (words) => { const p = document.createElement("p"); p.dir = "auto"; p.textContent = words; return p; };
  map.createPane("names").style.zIndex = 620;
  map.getPane("names").style.pointerEvents = "none";
  for (const [name, z] of [["land", 300], ["state", 350], ["marks", 450]]) map.createPane(name).style.zIndex = z;
  const renderers = Object.fromEntries(["land", "state", "marks"].map((pane) => [pane, L.svg({ pane, padding: 0.5 })]));

  function draw(group, shapes, pane, name, tip) {
    const options = { className: name, pane, renderer: renderers[pane], interactive: Boolean(tip) };
    const add = (layer) => { if (tip) layer.bindTooltip(text(tip), { sticky: true, className: "tip-frame", opacity: 1 }); layer.addTo(group); };
    for (const rings of shapes.a || []) add(L.polygon(rings, options));
    for (const line of shapes.l || []) add(L.polyline(line, { ...options, className: `${name} open-line` }));
    for (const point of shapes.p || []) add(L.circleMarker(point, { ...options, radius: 5 }));
  }
  function state(group, things) {
    for (const thing of things) {
      const area = thing.r === "area" || thing.r === "sea";
      const name = area ? `ground ground-${thing.f} edge-of role-${thing.r}` : `edge role-${thing.r}${thing.s ? ` line-${thing.s}` : ""}`;
      draw(group, thing.g, "state", name, thing.l);
      if (area) draw(group, thing.e, "state", `edge edge-${thing.f} role-${thing.r}`);
      if (thing.p) {
        const span = document.createElement("span");
        span.dir = "auto";
        span.textContent = thing.n;
        L.marker(thing.p, { pane: "names", interactive: false, keyboard: false, icon: L.divIcon({ className: "name", iconSize: [0, 0], html: span }) }).addTo(group);
      }
    }
  }
  draw(layers.land, data.land, "land", "land");
  state(layers.before, data.before);
  state(layers.after, data.after);
  if (data.sheet) { // no source draws where the part kept for drawing ends: blank paper hides the cut
    const around = [[-89, -360], [-89, 360], [89, 360], [89, -360]];
    L.polygon([around, [[south, west], [south, east], [north, east], [north, west]]], { className: "beyond", pane: "state", renderer: renderers.state, interactive: false }).addTo(map);
  }
  if (data.outline) draw(layers.outline, data.outline, "marks", "outline");
  else { map.removeLayer(layers.outline); control.removeLayer(layers.outline); }
  draw(layers.changed, data.changed, "marks", `change change-${data.kind}`);
  if (data.place) L.circleMarker(data.place, { className: `change change-point change-${data.kind}`, pane: "marks", renderer: renderers.marks, radius: 12, interactive: false }).addTo(layers.changed);

  document.getElementById("map-layers").append(control.getContainer());
  const box = map.getContainer();
  box.setAttribute("role", "group");
  box.setAttribute("aria-label", data.words.map);
  document.documentElement.dataset.map = "ready";
}
