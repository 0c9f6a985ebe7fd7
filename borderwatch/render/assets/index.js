// Search and filters of the disputes, and keys through the matrix; without scripts everything shows.
"use strict";
{
  const rows = [...document.querySelectorAll("#disputes tbody tr")];
  const [text, type, changed, split] = ["text", "type", "changed", "split"].map((id) => document.getElementById(`find-${id}`));
  const count = document.getElementById("find-count");
  const none = document.getElementById("find-none");
  const held = document.getElementById("grid-data");
  const data = held ? JSON.parse(held.textContent) : { all: "%(n)s", some: "%(n)s / %(all)s" };
  const plain = (s) => s.normalize("NFD").replace(/\p{M}/gu, "").toLocaleLowerCase();
  const fill = (s, values) => s.replace(/%\((\w+)\)s/g, (_, key) => values[key]);
  const lines = new Map([...document.querySelectorAll(".matrix tbody tr")].map((tr) => [tr.dataset.slug, tr]));
  const spots = new Map([...document.querySelectorAll(".world a")].map((a) => [a.getAttribute("href"), a]));
  for (const row of rows) row.words = plain(`${row.textContent} ${row.dataset.words}`);

  function filter() {
    const wanted = plain(text.value).split(/\s+/u).filter(Boolean);
    let shown = 0;
    for (const row of rows) {
      const fits = wanted.every((word) => row.words.includes(word)) &&
        (!type.value || row.dataset.type === type.value) && (!changed.checked || row.dataset.changes !== "0") &&
        (!split.checked || row.dataset.split !== undefined);
      row.hidden = !fits;
      const line = lines.get(row.dataset.slug);
      if (line) line.hidden = !fits;
      const spot = spots.get(row.querySelector("a").getAttribute("href"));
      if (spot) spot.classList.toggle("away", !fits);
      shown += fits ? 1 : 0;
    }
    count.textContent = fill(shown === rows.length ? data.all : data.some, { n: shown, all: rows.length });
    none.hidden = shown > 0;
    if (here && !isSeen(here)) enter(first());
  }

  // The matrix is one stop of the Tab key; inside it, keys move as in a spreadsheet (ARIA grid pattern).
  const grid = document.getElementById("grid");
  const said = document.getElementById("grid-said");
  const source = document.getElementById("grid-source");
  let here = null;
  const isSeen = (cell) => !cell.hidden && !cell.closest("tr").hidden;
  const cells = (tr) => [...tr.cells].filter((cell) => !cell.hidden);
  const seen = () => [...lines.values()].filter((tr) => !tr.hidden);
  const first = () => (seen().length ? seen()[0].cells[0] : null);

  function enter(cell, focus) {
    if (here) (here.querySelector("a") || here).tabIndex = -1;
    here = cell;
    if (!cell) return;
    const target = cell.querySelector("a") || cell;
    target.tabIndex = 0;
    if (focus) target.focus();
  }
  function tell(cell) {
    const tr = cell.closest("tr");
    const view = data.columns[cell.cellIndex - 1];
    const name = tr.cells[0].textContent.trim();
    const since = cell.querySelector("small");
    const what = cell.dataset.t === undefined ? cell.textContent : data.texts[cell.dataset.t];
    said.textContent = view === undefined ? name
      : `${name} · ${view}: ${what}${since ? ` (${fill(data.since, { date: since.textContent })})` : ""}`;
  }
  function move(event) {
    const cell = event.target.closest("td, tbody th");
    if (!cell || event.altKey || event.metaKey) return;
    const [all, row] = [seen(), cells(cell.parentElement)];
    const [y, x] = [all.indexOf(cell.parentElement), row.indexOf(cell)];
    const page = 10;
    const to = {
      ArrowRight: [y, x + 1], ArrowLeft: [y, x - 1], ArrowDown: [y + 1, x], ArrowUp: [y - 1, x],
      Home: [event.ctrlKey ? 0 : y, 0], End: [event.ctrlKey ? all.length - 1 : y, row.length - 1],
      PageDown: [y + page, x], PageUp: [y - page, x],
    }[event.key];
    if (to) {
      event.preventDefault();
      const tr = all[Math.max(0, Math.min(all.length - 1, to[0]))];
      const line = cells(tr);
      const next = line[Math.max(0, Math.min(line.length - 1, to[1]))];
      enter(next, true);
      // What sticks covers the left and the top: bring the cell out from under it.
      const [box, frame] = [next.getBoundingClientRect(), grid.getBoundingClientRect()];
      const left = frame.left + tr.cells[0].offsetWidth;
      const top = frame.top + grid.querySelector("thead").offsetHeight;
      if (next.cellIndex > 0 && box.left < left) grid.scrollLeft -= left - box.left;
      if (box.top < top) grid.scrollTop -= top - box.top;
    } else if (event.key === "Enter" && cell.tagName === "TD") {
      cell.parentElement.querySelector("a").click();
    }
  }
  function onlySource() {
    for (const head of grid.querySelectorAll("thead th[data-s]")) head.hidden = Boolean(source.value) && head.dataset.s !== source.value;
    const heads = [...grid.querySelectorAll("thead tr + tr th")];
    for (const tr of lines.values()) heads.forEach((head, i) => { tr.cells[i + 1].hidden = head.hidden; });
    if (here && !isSeen(here)) enter(first());
    grid.scrollLeft = 0;
  }

  if (grid) {
    const table = grid.querySelector("table");
    table.setAttribute("role", "grid");
    table.setAttribute("aria-labelledby", "views");
    for (const name of ["tabindex", "role", "aria-labelledby"]) grid.removeAttribute(name); // the table takes over
    for (const td of table.querySelectorAll("tbody td")) td.tabIndex = -1;
    for (const a of table.querySelectorAll("tbody a")) a.tabIndex = -1;
    enter(first());
    table.addEventListener("keydown", move);
    table.addEventListener("focusin", (event) => {
      const cell = event.target.closest("td, tbody th");
      if (cell) { if (cell !== here) enter(cell); tell(cell); }
    });
    source.addEventListener("input", onlySource);
    document.getElementById("grid-tools").hidden = false;
    const [over, under] = table.tHead.rows;
    const settle = () => { for (const head of under.cells) head.style.top = `${over.cells[1].offsetHeight}px`; };
    new ResizeObserver(settle).observe(over.cells[1]);
    said.textContent = said.dataset.hint;
  }
  for (const control of [text, type, changed, split]) control.addEventListener("input", filter);
  document.getElementById("find").hidden = false;
  filter();
}
