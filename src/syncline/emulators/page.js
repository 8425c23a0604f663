"use strict";
// What every emulator's page shares: elements, tables, a list that is searched, and asking again and again.
const byId = (id) => document.getElementById(id);

// Everything shown was sent by somebody: it only ever becomes text, never markup.
function element(tag, text, className) {
  const made = document.createElement(tag);
  made.textContent = text;
  if (className) made.className = className;
  return made;
}
function fill(table, rows) {
  const lines = rows.map((cells) => {
    const line = document.createElement("tr");
    line.append(...cells);
    return line;
  });
  byId(table).tBodies[0].replaceChildren(...lines);
}
function moment(seconds) {
  const at = new Date(seconds * 1000);
  const made = element("time", at.toLocaleTimeString([], { hour12: false }));
  made.dateTime = at.toISOString();
  made.title = at.toLocaleString();
  const cell = document.createElement("td");
  cell.append(made);
  return cell;
}
async function ask(path) {
  const answer = await fetch("/__emulator__/" + path);
  return answer.ok ? answer.json() : null;
}
function fillRequests(counts) {
  fill("requests", counts.map((one) => [
    element("td", `${one.method} ${one.route}`),
    element("td", String(one.status), Number(one.status) < 300 ? "" : "bad"),
    element("td", one.count.toLocaleString(), "number"),
  ]));
}

// The list beside #query: `find(text)` gives {found, rows: [{key, name}]}, `show(key)` what is chosen.
class Finder {
  constructor(find, show) {
    [this.find, this.show, this.chosen] = [find, show, ""];
    let typing = 0;
    byId("query").addEventListener("input", () => {
      clearTimeout(typing);
      typing = setTimeout(() => this.search(), 200);
    });
  }
  async search() {
    const query = byId("query").value;
    const result = await this.find(encodeURIComponent(query));
    if (!result || query !== byId("query").value) return;
    const shown = result.rows.length;
    byId("found").textContent = result.found === shown
      ? `${shown.toLocaleString()} found` : `${shown} of ${result.found.toLocaleString()} found`;
    const focused = document.activeElement?.dataset?.key;
    byId("list").replaceChildren(...result.rows.map((row) => this.line(row)));
    if (!this.chosen && shown) await this.choose(result.rows[0].key);
    if (focused) document.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus();
  }
  line({ key, name }) {
    const button = element("button", name);
    button.type = "button";
    button.dataset.key = key;
    button.setAttribute("aria-current", String(key === this.chosen));
    button.addEventListener("click", () => this.choose(key));
    const line = document.createElement("li");
    line.append(button);
    return line;
  }
  async choose(key) {
    this.chosen = key;
    for (const button of byId("list").querySelectorAll("button"))
      button.setAttribute("aria-current", String(button.dataset.key === key));
    await this.again();
  }
  async again() {
    if (this.chosen) await this.show(this.chosen);
  }
}

// `overview` is shown each time; `version(overview)` says whether the list is worth searching again.
function watch(show, version, finder) {
  let shown = null;
  async function refresh() {
    const now = await ask("overview");
    if (!now) return;
    show(now);
    if (version(now) === shown) return;
    shown = version(now);
    await finder.search();
    await finder.again();
  }
  async function poll() {
    if (!document.hidden) await refresh().catch(() => { byId("totals").textContent = "the emulator has stopped"; });
    setTimeout(poll, 1500);
  }
  poll();
}
