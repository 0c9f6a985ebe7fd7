// Copies the sentence to quote, where the browser lets a page do so.
"use strict";
{
  const button = document.getElementById("copy");
  if (navigator.clipboard) {
    button.hidden = false;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(document.getElementById("quote").innerText.trim());
      button.textContent = button.dataset.done;
    });
  }
}
