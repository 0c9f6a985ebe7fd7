// The dispute's map: what changed, through time, or two views; swiped, side by side or switched.
"use strict";

// Leaflet's default credit carries a state's flag; the project takes no side.
L.Control.Attribution.mergeOptions({ prefix: '<a href="https://leafletjs.com" rel="noopener noreferrer">Leaflet</a>' });

async function borderwatchMap(charts, layerControl) {
  const data = JSON.parse(document.getElementById("map-data").textContent);
  const words = data.words;
  const byId = (id) => document.getElementById(id);
  const [element, said] = [borderwatchElement, borderwatchWords];
  const fill = (text, values) => text.replace(/%\((\w+)\)s/g, (_, key) => values[key]);
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  if (typeof DecompressionStream === "undefined") {
    byId("map-said").append(element("p", "empty", words.tooOld));
    return;
  }
  const shapes = borderwatchShapes(data, await borderwatchRings(data.rings));
  const [main, beside] = charts.map((chart) => borderwatchStage(chart, data, shapes, words));
  const box = byId("map-stage");

  // --- what is to be seen ---------------------------------------------------------------------

  // {left, right: {picture, title: [heading, text]} or null, marks: {before, after}, credit}
  let seen = { left: null, right: null, marks: { before: [], after: [] }, credit: "" };
  const chosenOf = (name) => { const one = document.querySelector(`input[name="${name}"]:checked`); return one ? one.value : ""; };
  const arrangement = () => (seen.left && seen.right ? chosenOf("map-arrangement") || "swipe" : "one");

  let credited = "";
  function attribution(text) {
    const control = main.map.attributionControl;
    if (credited) control.removeAttribution(credited);
    control.addAttribution(credited = element("span", "", said(text)).innerHTML);
  }

  function show(next) {
    seen = next;
    const on = arrangement();
    const when = (side) => (side ? `${side.title[0]}: ${side.title[1]}` : "");
    main.draw("before", seen.left && seen.left.picture, when(seen.left));
    main.draw("after", seen.right && seen.right.picture, when(seen.right));
    main.mark("before", seen.left ? seen.marks.before : []);
    main.mark("after", seen.right ? seen.marks.after : []);
    if (on === "beside") {
      beside.draw("after", seen.right.picture, when(seen.right));
      beside.mark("after", seen.marks.after);
    }
    attribution(seen.credit);
    arrange();
  }

  // Side by side the first map shows the one side alone and the second the other; else the second is put away.
  let wasBeside = false;
  let wasSize = "";
  function arrange() {
    const on = arrangement();
    // As tall as the dispute asks for at this breadth, within what a screen can show.
    const across = box.clientWidth / (on === "beside" && box.clientWidth > 620 ? 2 : 1);
    const tall = Math.min(Math.max(across / Math.min(Math.max(data.aspect, 0.8), 2.1) + 60, 300), Math.max(innerHeight * 0.72, 340));
    box.style.height = `${Math.round(on === "beside" && box.clientWidth <= 620 ? Math.max(2 * Math.min(tall, 320), 480) : tall)}px`;
    const two = on === "beside";
    box.classList.toggle("two", two);
    byId("map-arrangement").hidden = !(seen.left && seen.right);
    byId("map-swipe-row").hidden = on !== "swipe";
    byId("map-switch-row").hidden = on !== "switch";
    const size = `${two} ${box.clientWidth} ${box.style.height}`;
    if (size !== wasSize) {
      wasSize = size;
      wasBeside = two;
      for (const stage of [main, beside]) { stage.map.invalidateSize({ animate: false, pan: false }); stage.fit(); }
    }
    settle();
  }

  const slider = byId("map-swipe");
  const switcher = byId("map-switch");
  function settle() {
    const on = arrangement();
    const titles = { before: seen.left && seen.left.title, after: seen.right && seen.right.title };
    const share = on === "swipe" ? Number(slider.value) / 100
      : on === "switch" ? Number(switcher.getAttribute("aria-pressed") !== "true")
        : on === "beside" ? 1 : Number(!seen.right && Boolean(seen.left));
    main.split(share, titles);
    if (on === "beside") beside.split(0, { after: titles.after });
    slider.setAttribute("aria-valuetext", fill(words.share, { n: Math.round(share * 100) }));
    if (on === "switch") switcher.textContent = fill(words.switchTo, { side: (share ? seen.right : seen.left).title[0] });
  }
  slider.addEventListener("input", settle);
  switcher.addEventListener("click", () => {
    switcher.setAttribute("aria-pressed", String(switcher.getAttribute("aria-pressed") !== "true"));
    settle();
  });

  // The two maps move as one.
  let moving = false;
  for (const [from, to] of [[main, beside], [beside, main]])
    from.map.on("move zoomend", () => {
      if (moving || !wasBeside) return;
      moving = true;
      to.map.setView(from.map.getCenter(), from.map.getZoom(), { animate: false });
      moving = false;
      settle();
    });
  for (const stage of [main, beside]) stage.map.on("move zoomend viewreset resize", settle);
  main.map.on("overlayadd overlayremove", ({ type, layer }) => {
    const key = Object.keys(main.layers).find((one) => main.layers[one] === layer);
    if (type === "overlayadd") beside.layers[key].addTo(beside.map);
    else beside.layers[key].remove();
    settle();
  });

  // --- what changed ---------------------------------------------------------------------------

  const announced = byId("map-said");
  const choice = byId("map-choice");

  function marksOf(step) {
    const side = (which) => step.changes.filter((change) => change.g).map((change) => ({
      ...change, mark: change[which][0], label: change[which][1], told: [said(change.word, "strong"), change[which][1], change.text],
    }));
    return { before: side("old"), after: side("new") };
  }

  function tellChanges(step) {
    for (const change of step.changes.slice(0, 2)) {
      const row = element("p");
      row.append(element("strong", `said said-${change.kind}`, change.word), " ", said(change.text));
      announced.append(row);
    }
    if (step.changes.length > 2) {
      const more = element("a", "", fill(words.moreChanges, { n: step.changes.length - 2 }));
      more.href = "#changes";
      announced.append(element("p", "", more));
    }
  }

  function showStep() {
    const step = data.steps[Number(choice.value)];
    announced.replaceChildren();
    tellChanges(step);
    lists(step.k);
    show({
      left: step.before === null ? null : { picture: step.before, title: [words.before, step.beforeTitle] },
      right: step.after === null ? null : { picture: step.after, title: [words.after, step.afterTitle] },
      marks: marksOf(step),
      credit: step.credit,
    });
  }

  // --- through time ---------------------------------------------------------------------------

  const timeView = byId("time-view");
  const timeAt = byId("time-at");
  const player = byId("time-play");
  let timer = null;

  function fillTime() {
    const { m } = data.views[Number(timeView.value)];
    timeAt.max = m.length - 1;
    timeAt.value = m.length - 1;
    for (const id of ["time-at", "time-play", "time-back", "time-on"]) byId(id).disabled = m.length < 2;
    const first = m[0].d, last = m[m.length - 1].d;
    byId("time-ends").replaceChildren(element("span", "", first), element("span", "", m.length > 1 ? last : ""));
    byId("time-ticks").replaceChildren(...m.map((one, i) => {
      const tick = element("i", one.c !== undefined || one.n ? "tick changed" : one.q ? "tick doubted" : "tick");
      // A range's thumb is 18 px wide: its middle never reaches the ends.
      tick.style.left = `calc(9px + (100% - 18px) * ${m.length > 1 ? i / (m.length - 1) : 0.5})`;
      return tick;
    }));
  }

  function momentWords(one) {
    const edition = one.e ? fill(words.edition, { date: one.d, edition: one.e }) : one.d;
    const told = one.c !== undefined ? words.changedHere : one.n ? words.changedWords : one.q ? words.doubted : "";
    return [edition, told];
  }

  function showMoment() {
    const view = data.views[Number(timeView.value)];
    const one = view.m[Number(timeAt.value)];
    const [edition, told] = momentWords(one);
    timeAt.setAttribute("aria-valuetext", [edition, told, one.s].filter(Boolean).join("; "));
    byId("time-said").replaceChildren(element("b", "", edition), told ? element("em", "", ` ${told}`) : "", one.s ? ": " : "", said(one.s));
    announced.replaceChildren();
    const step = one.c === undefined ? null : data.steps[one.c];
    if (step) tellChanges(step);
    lists(one.k);
    show({
      left: null,
      right: { picture: one.p, title: [view.name, edition] },
      marks: step ? marksOf(step) : { before: [], after: [] },
      credit: view.credit,
    });
  }

  function play(on) {
    if (!player) return;
    clearInterval(timer);
    timer = on ? setInterval(() => {
      if (Number(timeAt.value) >= Number(timeAt.max)) return play(false);
      timeAt.value = Number(timeAt.value) + 1;
      showMoment();
      return undefined;
    }, 1300) : null;
    player.setAttribute("aria-pressed", String(on));
    player.textContent = on ? words.pause : words.play;
  }
  const step = (by) => { play(false); timeAt.value = Number(timeAt.value) + by; showMoment(); };
  if (timeView) {
    timeView.addEventListener("change", () => { play(false); fillTime(); showMoment(); });
    timeAt.addEventListener("input", () => { play(false); showMoment(); });
    byId("time-back").addEventListener("click", () => step(-1));
    byId("time-on").addEventListener("click", () => step(1));
    player.addEventListener("click", () => {
      if (timer === null && timeAt.value === timeAt.max) { timeAt.value = 0; showMoment(); }
      play(timer === null);
    });
  }

  // --- two views ------------------------------------------------------------------------------

  const [viewA, viewB] = [byId("two-a"), byId("two-b")];
  function showTwo() {
    const [i, j] = [Number(viewA.value), Number(viewB.value)];
    const [low, high] = [Math.min(i, j), Math.max(i, j)];
    const pair = data.pairs.find((one) => one.i === low && one.j === high);
    const even = data.agree.find(([one, other]) => one === low && other === high);
    const now = (n) => data.views[n].m[data.views[n].m.length - 1];
    announced.replaceChildren();
    const table = byId("two-table");
    table.hidden = !pair;
    const turned = ([one, other]) => (i <= j ? [one, other] : [other, one]);
    const given = (part) => turned(part.o);
    if (pair) {
      announced.append(element("p", "", fill(words.differ, { km: pair.km })));
      table.tHead.rows[0].cells[0].replaceChildren(said(data.views[i].name));
      table.tHead.rows[0].cells[1].replaceChildren(said(data.views[j].name));
      table.tBodies[0].replaceChildren(...pair.parts.map((part) => {
        const row = element("tr");
        row.append(...given(part).map((text) => element("td", "", said(text))), element("td", "num", `${part.km} km²`));
        return row;
      }));
    } else announced.append(element("p", "", i === j ? words.sameView : even ? fill(words.agree, { km: even[2] }) : words.notCompared));
    const marks = (side) => (pair ? pair.parts : []).map((part) => ({
      ...part, mark: "differs", label: turned(part.l)[side], told: [said(given(part)[side], "strong"), `${part.km} km²`],
    }));
    const sideOf = (n) => ({ picture: now(n).p, title: [data.views[n].name, momentWords(now(n))[0]] });
    lists("9999");
    show({ left: sideOf(i), right: sideOf(j), marks: { before: marks(0), after: marks(1) },
      credit: [...new Set([data.views[i].credit, data.views[j].credit])].join("; ") });
  }
  if (viewA) for (const select of [viewA, viewB]) select.addEventListener("change", showTwo);

  // --- lists beside the map -------------------------------------------------------------------

  const listed = byId("map-lists");
  function lists(day) {
    if (!listed) return;
    listed.replaceChildren(...data.lists.map(({ view, states }) => {
      const state = [...states].reverse().find((one) => one.k <= day);
      const item = element("li", "", said(view, "b"));
      if (!state) item.append(element("span", "sub", words.notYet));
      else if (!state.rows.length) item.append(element("span", "sub", words.noRow));
      else for (const [text, lang, under] of state.rows) item.append(element("span", "row", said(text, "bdi", lang), under ? ` ${under}` : ""));
      if (state && state.more) item.append(element("span", "sub", fill(words.moreNames, { n: state.more })));
      if (state) item.append(element("span", "sub", fill(words.since, { date: state.d })));
      return item;
    }));
  }

  // --- the page around the map ----------------------------------------------------------------

  function mode() {
    const on = chosenOf("map-mode");
    for (const panel of document.querySelectorAll("[data-mode]")) panel.hidden = panel.dataset.mode !== on;
    play(false);
    if (on === "time") showMoment();
    else if (on === "two") showTwo();
    else if (on === "change") showStep();
    else arrange();
  }
  const fitAll = () => { for (const stage of [main, beside]) if (stage === main || wasBeside) stage.fit(); };

  // Credits would hide a small map: they stand under it, once for both maps.
  main.map.attributionControl.addAttribution(element("span", "", said(data.credit)).innerHTML);
  byId("map-credit").append(main.map.attributionControl.getContainer());
  beside.map.attributionControl.remove();
  main.map.getContainer().setAttribute("aria-label", box.dataset.label);
  beside.map.getContainer().setAttribute("aria-label", box.dataset.beside);
  byId("map-layers").append(layerControl.getContainer());
  for (const input of document.querySelectorAll('input[name="map-mode"]')) input.addEventListener("change", mode);
  for (const input of document.querySelectorAll('input[name="map-arrangement"]')) input.addEventListener("change", () => show(seen));
  if (choice) choice.addEventListener("change", showStep);
  for (const button of document.querySelectorAll("[data-choice], [data-pair]"))
    button.addEventListener("click", () => {
      const [name, ...values] = button.dataset.choice ? ["change", button.dataset.choice] : ["two", ...button.dataset.pair.split(",")];
      document.querySelector(`input[name="map-mode"][value="${name}"]`).checked = true;
      if (name === "change") choice.value = values[0];
      else [viewA.value, viewB.value] = values;
      mode();
      byId("map-title").scrollIntoView({ behavior: still ? "auto" : "smooth" });
      (name === "change" ? choice : viewA).focus({ preventScroll: true });
    });
  byId("map-fit").addEventListener("click", fitAll);
  main.map.on("resize", fitAll);
  addEventListener("resize", arrange);
  // Paper cannot be swiped: it gets both sides, drawn at its own breadth (A4 within its margins, 96 pixels an inch).
  let before = "";
  function turn(arrangementWanted, breadth) {
    box.style.width = breadth;
    if (before === "one") arrange();
    else pick(arrangementWanted);
  }
  addEventListener("beforeprint", () => { before = arrangement(); turn("beside", "660px"); });
  addEventListener("afterprint", () => { if (before) turn(before, ""); });
  function pick(value) {
    document.querySelector(`input[name="map-arrangement"][value="${value}"]`).checked = true;
    show(seen);
  }
  if (timeView) fillTime();
  fitAll();
  mode();
  document.documentElement.dataset.map = "ready";
}
