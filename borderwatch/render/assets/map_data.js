// From the page's packed numbers to places on the map.
"use strict";

// Every ring is zigzag varints: how many points, then the steps between them; deflated, in base64.
async function borderwatchRings(packed) {
  const bytes = Uint8Array.from(atob(packed), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  const held = new Uint8Array(await new Response(stream).arrayBuffer());
  let at = 0;
  const next = () => {
    let value = 0;
    for (let times = 1; ; times *= 128) {
      const byte = held[at++];
      value += (byte & 127) * times;
      if (byte < 128) return value % 2 ? -(value + 1) / 2 : value / 2;
    }
  };
  const rings = [];
  while (at < held.length) {
    const points = [];
    for (let left = next(), x = 0, y = 0; left > 0; left--) points.push([(x += next()), (y += next())]);
    rings.push(points);
  }
  return rings;
}

function borderwatchShapes(data, rings) {
  const grid = 65536;
  const [west, south, east, north] = data.window;
  const place = (x, y) => [south + (y / grid) * (north - south), west + (x / grid) * (east - west)];
  const path = (ring) => rings[ring].map(([x, y]) => place(x, y));
  const areas = (g) => (g.a || []).map((some) => some.map(path));
  const lines = (g) => (g.l || []).map(path);

  // Where the window or a source's sheet ends no source draws a line: such edges are kept apart.
  function outlines(g, sheet) {
    const ends = [[0, 0, grid, grid], sheet];
    const cut = (a, b) => ends.some(([x0, y0, x1, y1]) =>
      (a[0] === b[0] && (a[0] <= x0 || a[0] >= x1)) || (a[1] === b[1] && (a[1] <= y0 || a[1] >= y1)));
    const runs = { drawn: [], cut: [] };
    for (const ring of (g.a || []).flat()) {
      const points = rings[ring];
      let run = [];
      points.forEach((point, i) => {
        const after = points[(i + 1) % points.length];
        if (!run.length) run.push(place(...point));
        if (cut(point, after)) {
          if (run.length > 1) runs.drawn.push(run);
          runs.cut.push([place(...point), place(...after)]);
          run = [];
        } else run.push(place(...after));
      });
      if (run.length > 1) runs.drawn.push(run);
    }
    return runs;
  }
  return { place, path, areas, lines, outlines };
}

// Every text is set as text, never as HTML.
function borderwatchElement(tag, className, ...inside) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  for (const one of inside) if (one !== "" && one !== null && one !== undefined) made.append(one);
  return made;
}
function borderwatchWords(text, tag = "bdi", lang = "") {
  const made = borderwatchElement(tag, "", text);
  made.dir = "auto";
  if (lang) made.lang = lang;
  return made;
}
