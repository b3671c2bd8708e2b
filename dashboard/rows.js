// The rows that can be seen, out of as many as there are.

import {
  backupTone,
  backupWords,
  bar,
  certificateTone,
  certificateWords,
  element,
  link,
  lockWords,
  moment,
  sign,
  sparkline,
  statusIcon,
  timesWords,
  unseen,
  uptimeWords,
} from "./draw.js";
import { milliseconds, visible } from "./model.js";

/** Rows above and below the screen that are drawn already. */
const MARGIN = 8;

/** The columns: what they sort by at the first press, their title. */
export const COLUMNS = [
  ["status", "Status"],
  ["name", "App"],
  ["-deployed", "Last deploy"],
  ["-release", "Version"],
  ["-response", "Response"],
  ["uptime", "Uptime"],
  ["backup", "Care"],
];

/** A list that is as long as it is told, and has nodes only where somebody looks. */
export class Rows {
  #table;
  #body;
  #open;
  #series;
  #items = [];
  #drawn = new Map();
  #height = 0;
  #now = 0;

  /** `open` is called with the app whose row is chosen, `series` gives the checks of an app. */
  constructor(table, body, open, series) {
    this.#table = table;
    this.#body = body;
    this.#open = open;
    this.#series = series;
    body.addEventListener("keydown", (event) => this.#move(event));
    body.addEventListener("click", (event) => {
      const chosen = event.target.closest(".open");
      if (!chosen || event.metaKey || event.ctrlKey || event.shiftKey) return;
      event.preventDefault();
      this.#open(chosen.dataset.key);
    });
  }

  /** Shows these apps. Rows that stay keep their nodes, and with them focus and selection. */
  show(items, now) {
    this.#items = items;
    this.#now = now;
    this.#table.setAttribute("aria-rowcount", items.length + 1);
    if (this.#height === 0) this.measure();
    else this.#fit();
  }

  /** The height of a row follows the width of the window and the size of its text. */
  measure() {
    const probe = element("div", { class: "row probe", "aria-hidden": "true" });
    this.#body.append(probe);
    this.#height = probe.getBoundingClientRect().height || 80;
    probe.remove();
    this.#fit();
  }

  #fit() {
    this.#body.style.height = `${this.#items.length * this.#height}px`;
    this.draw();
  }

  /** Draws what can be seen. Rows whose app is the one that they show already are only moved. */
  draw() {
    const top = this.#body.getBoundingClientRect().top;
    const first = Math.max(0, Math.floor(-top / this.#height) - MARGIN);
    const last = Math.min(this.#items.length, Math.ceil((window.innerHeight - top) / this.#height) + MARGIN);
    const wanted = new Map();
    for (let index = first; index < last; index += 1) wanted.set(this.#items[index].key, index);
    const focused = document.activeElement?.closest?.(".row")?.dataset.key;
    if (focused !== undefined && !wanted.has(focused) && this.#drawn.has(focused)) {
      // Whoever moved on by the mouse still finds the focus where it was.
      const index = this.#items.findIndex((app) => app.key === focused);
      if (index >= 0) wanted.set(focused, index);
    }
    for (const [key, row] of this.#drawn) {
      if (wanted.has(key)) continue;
      row.node.remove();
      this.#drawn.delete(key);
    }
    let before = null;
    for (const [key, index] of [...wanted].sort((one, other) => other[1] - one[1])) {
      let row = this.#drawn.get(key);
      if (row === undefined) {
        row = new Row(key);
        this.#drawn.set(key, row);
      }
      row.show(this.#items[index], this.#series(this.#items[index]), this.#now);
      row.place(index, this.#height);
      // In the document in the order in which they stand, for screen readers and the tab key.
      if (row.node.nextSibling !== before || row.node.parentNode === null) this.#body.insertBefore(row.node, before);
      before = row.node;
    }
  }

  /** Moves the focus to a row, which is scrolled to where it can be seen. */
  focus(index) {
    if (this.#items.length === 0) return;
    const at = Math.min(Math.max(index, 0), this.#items.length - 1);
    const above = document.getElementById("bar").getBoundingClientRect().height + 56;
    const top = this.#body.getBoundingClientRect().top + at * this.#height;
    if (top < above) window.scrollBy(0, top - above);
    else if (top + this.#height > window.innerHeight) window.scrollBy(0, top + this.#height - window.innerHeight + 8);
    this.draw();
    this.#drawn.get(this.#items[at].key)?.focus();
  }

  #move(event) {
    const row = event.target.closest(".row");
    if (!row || event.altKey || event.ctrlKey || event.metaKey) return;
    const at = this.#items.findIndex((app) => app.key === row.dataset.key);
    const page = Math.max(1, Math.floor(window.innerHeight / this.#height) - 2);
    const to = {
      ArrowDown: at + 1,
      ArrowUp: at - 1,
      PageDown: at + page,
      PageUp: at - page,
      Home: 0,
      End: this.#items.length - 1,
    }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    this.focus(to);
  }
}

/** One row. Its nodes are made once and filled again, so that a refresh takes no focus away. */
class Row {
  constructor(key) {
    this.open = element("a", { class: "open", "data-key": key });
    this.badge = element("span", { class: "badge" });
    this.url = element("span", { class: "second" });
    const cell = (name, ...children) => element("div", { role: "cell", class: `cell ${name}` }, ...children);
    this.status = cell("at-status");
    this.deploy = cell("at-deploy");
    this.version = cell("at-version");
    this.response = cell("at-response");
    this.uptime = cell("at-uptime");
    this.care = cell("at-care");
    this.lock = element("span");
    const app = cell("at-app", element("span", { class: "first" }, this.open, this.badge), this.url, this.lock);
    this.node = element(
      "div",
      { role: "row", class: "row", "data-key": key },
      this.status,
      app,
      this.deploy,
      this.version,
      this.response,
      this.uptime,
      this.care,
    );
  }

  place(index, height) {
    this.node.style.transform = `translateY(${index * height}px)`;
    this.node.setAttribute("aria-rowindex", index + 2);
  }

  focus() {
    this.open.focus({ preventScroll: true });
  }

  /** Shows the app; what is shown already, and not half a minute ago, stays as it is. */
  show(app, series, now) {
    if (this.app === app && this.series === series && now - this.shown < 30e3) return;
    this.app = app;
    this.series = series;
    this.shown = now;
    this.#fill(app, series, now);
  }

  #fill(app, series, now) {
    this.node.dataset.status = app.status.kind;
    this.status.replaceChildren(statusIcon(app.status.kind), element("span", { class: "word", title: app.status.why }, app.status.word));
    this.open.textContent = visible(app.key);
    this.open.title = visible(app.message);
    this.open.href = `#${new URLSearchParams({ app: app.key })}`;
    this.badge.textContent = visible(app.environment);
    this.badge.dataset.environment = app.environment;
    if (this.shownUrl !== app.url) {
      this.shownUrl = app.url;
      const shown = app.url.replace(/^https?:\/\//, "").replace(/\/$/, "");
      this.url.replaceChildren(...(app.url === "" ? [element("span", { class: "none" }, "no address")] : [link(app.link, shown)]));
    }
    const by = app.by === "" ? "" : element("span", { class: "second", title: app.by }, `by ${app.by}`);
    this.deploy.replaceChildren(element("span", { class: "first" }, moment(app.deployed, now, "never deployed")), by);
    const release = Number.isFinite(app.release) ? `v${app.release}` : "–";
    this.version.replaceChildren(
      element("span", { class: "first" }, release),
      app.commit === "" ? "" : element("code", { class: "second", title: app.commit }, app.commit.slice(0, 7)),
    );
    const times = Number.isFinite(series.p95) ? timesWords(series) : `last ${milliseconds(app.response)}`;
    this.response.replaceChildren(sparkline(series), element("span", { class: "second" }, unseen("Response time "), times));
    this.uptime.replaceChildren(bar(series, 1), element("span", { class: "second" }, unseen("Uptime "), uptimeWords(series)));
    this.care.replaceChildren(...care(app, now));
    this.lock.replaceChildren(...(app.lock ? [lock(app.lock, now)] : []));
  }
}

function care(app, now) {
  return [
    fact("backup", backupTone(app.backup, now), backupWords(app.backup, now, true), backupWords(app.backup, now)),
    fact("certificate", certificateTone(app.certificateDays), certificateWords(app.certificateDays)),
  ];
}

function lock(found, now) {
  const reason = found.reason === "" ? "" : `: ${found.reason}`;
  return fact("lock", "warn", `${lockWords(found, now)}${reason}`);
}

function fact(name, tone, words, title = words) {
  return element("span", { class: "fact", "data-tone": tone, title }, sign(name), element("span", {}, words));
}

/** The titles of the columns; each sorts. */
export function heads(node, choose) {
  for (const [sort, title] of COLUMNS) {
    const button = element("button", { type: "button", "data-sort": sort }, title, element("span", { class: "arrow", "aria-hidden": "true" }));
    button.addEventListener("click", () => choose(sort));
    node.append(element("div", { role: "columnheader", class: "cell", "aria-sort": "none" }, button));
  }
}

/** Marks the column that is sorted by. */
export function markSorted(node, sort) {
  const key = sort.replace(/^-/, "");
  for (const button of node.querySelectorAll("button")) {
    const isIt = button.dataset.sort.replace(/^-/, "") === key;
    const direction = sort.startsWith("-") ? "descending" : "ascending";
    button.parentNode.setAttribute("aria-sort", isIt ? direction : "none");
  }
}

