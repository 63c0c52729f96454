// SPDX-License-Identifier: MIT OR Apache-2.0
// Filters the tables of an audit. Without it everything is there to be read.
"use strict";
(() => {
  const form = document.getElementById("filter");
  const text = form.elements.namedItem("text");
  const boxes = [...form.querySelectorAll("input[type=checkbox]")];
  const count = document.getElementById("count");
  const rows = [...document.querySelectorAll("tr[data-t]")].map((row) => ({
    row,
    tags: row.dataset.t,
    text: row.textContent.toLowerCase(),
    article: row.dataset.m ? document.getElementById(row.dataset.m) : null,
  }));
  const apply = () => {
    const words = text.value.toLowerCase().split(/\s+/).filter(Boolean);
    const asked = boxes.filter((box) => box.checked).map((box) => box.value);
    let shown = 0;
    for (const { row, tags, text, article } of rows) {
      const fits = words.every((word) => text.includes(word)) && asked.every((tag) => tags.includes(tag));
      row.hidden = !fits;
      if (article) article.hidden = !fits;
      if (fits) shown += 1;
    }
    count.textContent = `${shown} of ${rows.length} modules`;
  };
  // Who follows a link gets there, whatever was filtered.
  const reveal = () => {
    const target = location.hash && document.getElementById(location.hash.slice(1));
    if (target && target.closest("[hidden]")) {
      form.reset();
      apply();
      target.scrollIntoView();
    }
  };
  form.addEventListener("input", apply);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(apply));
  addEventListener("hashchange", reveal);
  form.hidden = false;
  apply();
})();
