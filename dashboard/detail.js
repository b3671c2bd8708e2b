// The view of one app.

import {
  backupWords,
  bar,
  certificateWords,
  chart,
  element,
  link,
  lockWords,
  moment,
  sign,
  statusIcon,
  timesWords,
} from "./draw.js";
import { address, exact, milliseconds, number, percent, span, text, time } from "./model.js";

/** What the keyboard reaches in it. */
const REACHED = "a, .scroller";

/** The dialog of one app. `close` is called when it has been closed, however that was done. */
export class Detail {
  #dialog;
  /** Null while there is nothing to show. */
  #body = null;
  #shown = "";

  constructor(dialog, close) {
    this.#dialog = dialog;
    dialog.addEventListener("close", close);
    dialog.addEventListener("click", (event) => {
      if (event.target === dialog) dialog.close();
    });
  }

  get isOpen() {
    return this.#dialog.open;
  }

  /** Opens the view of `app`, or refreshes it. `more` holds deploys and audit entries. */
  show(app, series, more, now) {
    const key = JSON.stringify([app, [...series.states], series.times, more, Math.floor(now / 60e3)]);
    if (this.#dialog.open && key === this.#shown) return;
    const isOther = !this.#dialog.open || !this.#body;
    this.#shown = key;
    if (isOther) {
      const close = element("button", { type: "button", class: "close", "aria-label": "Close" }, sign("close"));
      close.addEventListener("click", () => this.#dialog.close());
      this.#body = element("div", { class: "detail-body" });
      this.#dialog.replaceChildren(close, this.#body);
    }
    const place = this.#place();
    this.#body.replaceChildren(...content(app, series, more, now));
    this.#return(place);
    if (isOther) {
      if (!this.#dialog.open) this.#dialog.showModal();
      this.#dialog.scrollTop = 0;
    }
  }

  /** Where the reader is: the focus, and how far was scrolled. */
  #place() {
    return {
      focused: [...this.#body.querySelectorAll(REACHED)].indexOf(document.activeElement),
      top: this.#dialog.scrollTop,
      left: [...this.#body.querySelectorAll(".scroller")].map((scroller) => scroller.scrollLeft),
    };
  }

  #return({ focused, top, left }) {
    if (focused >= 0) this.#body.querySelectorAll(REACHED)[focused]?.focus({ preventScroll: true });
    this.#dialog.scrollTop = top;
    this.#body.querySelectorAll(".scroller").forEach((scroller, index) => {
      scroller.scrollLeft = left[index] ?? 0;
    });
  }

  /** Says that there is no such app. */
  missing(name) {
    const key = `missing ${name}`;
    if (this.#dialog.open && key === this.#shown) return;
    const close = element("button", { type: "button", class: "close", "aria-label": "Close" }, sign("close"));
    close.addEventListener("click", () => this.#dialog.close());
    const heading = element("h2", { id: "detail-name" }, name);
    this.#dialog.replaceChildren(close, element("div", { class: "detail-body" }, heading, element("p", {}, "There is no app of this name in the data.")));
    this.#shown = key;
    this.#body = null;
    if (!this.#dialog.open) this.#dialog.showModal();
  }

  close() {
    if (this.#dialog.open) this.#dialog.close();
  }
}

function content(app, series, more, now) {
  const head = element(
    "div",
    { class: "detail-head", "data-status": app.status.kind },
    element("p", { class: "detail-status" }, statusIcon(app.status.kind), element("b", {}, app.status.word), app.status.why === "" ? "" : element("span", {}, app.status.why)),
    element("h2", { id: "detail-name" }, app.key),
    element(
      "p",
      { class: "links" },
      app.url === "" ? "" : link(app.link, app.url),
      app.repository === "" ? "" : link(app.repositoryLink, app.repository),
      app.workflowLink === "" ? "" : link(app.workflowLink, "Last CI run"),
    ),
  );
  const nodes = [head];
  if (app.lock) nodes.push(lock(app.lock, now));
  nodes.push(facts(app, now));
  nodes.push(
    part(
      "Response time",
      element("p", { class: "numbers" }, `${timesWords(series)} · last ${milliseconds(app.response)}`),
      chart(series, now),
    ),
    part(
      "Uptime",
      element("p", { class: "numbers" }, `24 hours: ${percent(series.day.share)}`),
      bar(series, 1),
      element("p", { class: "numbers" }, `7 days: ${percent(series.week.share)}`),
      bar(series, 7),
    ),
    part("Deploys", deploys(app, more.deploys, now)),
    part("Audit log", audit(app, more.audit, now)),
  );
  return nodes;
}

function part(title, ...children) {
  return element("section", { class: "part" }, element("h3", {}, title), ...children);
}

function lock(found, now) {
  const until = Number.isFinite(found.until) ? `It ends ${exact(found.until)}.` : "It does not end by itself.";
  return element(
    "div",
    { class: "locked" },
    sign("lock"),
    element(
      "div",
      {},
      element("b", {}, lockWords(found, now)),
      element("p", {}, found.reason === "" ? "The reason is not published." : found.reason),
      element("p", { class: "second" }, `${exact(found.at)}${Number.isFinite(found.at) ? ". " : ""}${until}`),
    ),
  );
}

function facts(app, now) {
  const rows = [
    ["Environment", app.environment || "unknown"],
    ["Last deploy", moment(app.deployed, now)],
    ["By", app.by || "unknown"],
    ["Result", app.deployResult || "unknown"],
    ["Took", Number.isFinite(app.duration) ? `${app.duration} s` : "unknown"],
    ["Release", Number.isFinite(app.release) ? `v${app.release}` : "none recorded"],
    ["Commit", commit(app)],
    ["Message", app.message || "unknown"],
    ["Processes", app.processes || "unknown"],
    ["Last check", moment(app.checked, now)],
    [app.status.kind === "healthy" ? "Healthy for" : "Status since", Number.isFinite(app.since) ? span(Math.max(0, now - app.since)) : "unknown"],
    ["Backup", `${backupWords(app.backup, now)}${app.backup?.service ? ` (${app.backup.service})` : ""}`],
    ["Certificate", Number.isFinite(app.certificate) ? `${certificateWords(app.certificateDays)}, until ${exact(app.certificate)}` : certificateWords(app.certificateDays)],
  ];
  if (app.baseApp !== "") rows.splice(1, 0, ["Preview of", app.baseApp]);
  return element("dl", { class: "facts" }, ...rows.map(([name, value]) => element("div", {}, element("dt", {}, name), element("dd", {}, value))));
}

function commit(app) {
  if (app.commit === "") return "unknown";
  const code = element("code", {}, app.commit.slice(0, 12));
  const isOnGitHub = app.repositoryLink.startsWith("https://github.com/");
  if (!isOnGitHub || !/^[0-9a-f]{7,64}$/.test(app.commit)) return code;
  return link(address(`${app.repositoryLink.replace(/\.git$/, "")}/commit/${app.commit}`), code);
}

const RESULTS = { success: "healthy", failure: "down", failed: "down", cancelled: "stopped" };

function result(status) {
  return element("span", { class: "result" }, statusIcon(RESULTS[status] ?? "unknown"), status || "unknown");
}

/** A table with what was loaded, or why there is none. */
function listed(loaded, none, titles, rows) {
  if (loaded === undefined) return element("p", { class: "none" }, "Loading…");
  if (typeof loaded === "string") return element("p", { class: "none" }, loaded);
  if (rows.length === 0) return element("p", { class: "none" }, none);
  return element(
    "div",
    { class: "scroller", tabindex: "0", role: "group", "aria-label": none.startsWith("No deploy") ? "Deploys" : "Audit log" },
    element(
      "table",
      {},
      element("thead", {}, element("tr", {}, ...titles.map((title) => element("th", { scope: "col" }, title)))),
      element("tbody", {}, ...rows.map((cells) => element("tr", {}, ...cells.map((cell) => element("td", {}, cell))))),
    ),
  );
}

function deploys(app, loaded, now) {
  const apps = loaded?.apps;
  const own = typeof apps === "object" && apps !== null && Object.hasOwn(apps, app.name) && Array.isArray(apps[app.name]) ? apps[app.name] : [];
  const rows = own.slice(0, 20).map((deploy) => [
    moment(time(deploy?.at), now, "unknown"),
    result(text(deploy?.status, 20)),
    Number.isFinite(number(deploy?.release)) ? `v${deploy.release}` : "–",
    element("code", {}, text(deploy?.commit, 64).slice(0, 7) || "–"),
    text(deploy?.by, 100) || "–",
    text(deploy?.message, 200) || "–",
  ]);
  return listed(loaded, "No deploy is recorded.", ["When", "Result", "Release", "Commit", "By", "Message"], rows);
}

function audit(app, loaded, now) {
  const entries = Array.isArray(loaded?.entries) ? loaded.entries : [];
  const own = entries.filter((entry) => text(entry?.app_name ?? entry?.app, 200) === app.name).slice(0, 50);
  const rows = own.map((entry) => [
    moment(time(entry.timestamp), now, "unknown"),
    text(entry.action, 60) || "–",
    result(text(entry.status, 20)),
    text(entry.actor, 100) || "–",
    text(entry.note, 300) || text(entry.commit?.message, 200) || "–",
  ]);
  return listed(loaded, "No entry of this app.", ["When", "Action", "Result", "By", "Note"], rows);
}
