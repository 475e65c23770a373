// The console's few moving parts: pause the stream of readings, keep it short, say when the line to the server is lost.
"use strict";
(() => {
  const LONGEST = 60;
  let paused = false;
  let held = 0;

  const byId = (id) => document.getElementById(id);

  function label() {
    const button = byId("pause");
    if (!button) return;
    button.setAttribute("aria-pressed", String(paused));
    button.textContent = paused ? button.dataset.resume : button.dataset.pause;
    const note = byId("held");
    note.hidden = !paused;
    note.textContent = note.dataset.text.replace("{n}", String(held));
  }

  document.addEventListener("click", (event) => {
    if (event.target.id !== "pause") return;
    paused = !paused;
    held = 0;
    label();
  });

  // Unnamed messages carry rows; a paused stream counts them and shows none. Named ones still refresh the page.
  document.addEventListener("htmx:sse:before:message", (event) => {
    const message = event.detail.message;
    if (!paused || message.event) return;
    held += (message.data.match(/<tr/g) || []).length;
    label();
    event.preventDefault();
  });

  document.addEventListener("htmx:sse:after:message", () => {
    const rows = byId("stream-rows");
    while (rows && rows.children.length > LONGEST) rows.lastElementChild.remove();
  });

  function connected(yes) {
    const sign = byId("line");
    if (!sign) return;
    sign.className = yes ? "state good" : "state warn";
    sign.textContent = yes ? sign.dataset.up : sign.dataset.down;
  }
  document.addEventListener("htmx:sse:after:connection", () => connected(true));
  document.addEventListener("htmx:sse:error", () => connected(false));
  document.addEventListener("htmx:sse:close", () => connected(false));

  // "/" goes to the search field, as in every tool an operator knows.
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
    if (/^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement.tagName)) return;
    const search = document.querySelector("input[type=search]");
    if (!search) return;
    event.preventDefault();
    search.focus();
  });
})();
