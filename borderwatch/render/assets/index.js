// Search and filters of the list of disputes; works without a server, and without it the whole list shows.
"use strict";
{
  const rows = [...document.querySelectorAll("#disputes tbody tr")];
  const [text, type, changed] = ["find-text", "find-type", "find-changed"].map((id) => document.getElementById(id));
  const count = document.getElementById("find-count");
  const none = document.getElementById("find-none");
  const plain = (s) => s.normalize("NFD").replace(/\p{M}/gu, "").toLocaleLowerCase();
  for (const row of rows) row.words = plain(`${row.textContent} ${row.dataset.words}`);
  function filter() {
    const wanted = plain(text.value).split(/\s+/u).filter(Boolean);
    let shown = 0;
    for (const row of rows) {
      const fits = wanted.every((word) => row.words.includes(word)) &&
        (!type.value || row.dataset.type === type.value) && (!changed.checked || row.dataset.changes !== "0");
      row.hidden = !fits;
      shown += fits ? 1 : 0;
    }
    count.textContent = shown === rows.length ? `All ${shown} disputes` : `${shown} of ${rows.length} disputes`;
    none.hidden = shown > 0;
  }
  for (const control of [text, type, changed]) control.addEventListener("input", filter);
  document.getElementById("find").hidden = false;
  filter();
}
