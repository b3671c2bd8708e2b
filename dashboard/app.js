// The page: its state, its address, its refreshes. The rest is in the files beside it.

import { Detail } from "./detail.js";
import { element } from "./draw.js";
import {
  STALE_AFTER,
  Unusable,
  ago,
  exact,
  filtered,
  readApps,
  readSeries,
  readView,
  sorted,
  span,
  totals,
  writeView,
} from "./model.js";
import { Rows, heads, markSorted } from "./rows.js";

const REFRESH_EVERY = 5 * 60e3;
const PATIENCE = 30e3;

const at = (id) => document.getElementById(id);

const page = {
  view: readView(location.hash),
  data: null,
  metrics: null,
  failure: null,
  note: "",
  order: null,
  series: new Map(),
  more: {},
  isLoading: false,
  events: null,
};

const seriesOf = (app) => {
  let series = page.series.get(app.key);
  if (series === undefined) {
    series = readSeries(page.metrics, app.name, Date.now());
    page.series.set(app.key, series);
  }
  return series;
};

const rows = new Rows(at("table"), at("body"), (key) => go({ app: key }, true), seriesOf);
const detail = new Detail(at("detail"), () => page.view.app !== "" && go({ app: "" }));

/** Reads one of the data files. */
async function load(file) {
  let answer;
  try {
    answer = await fetch(`${file}?t=${Date.now()}`, { cache: "no-store", signal: AbortSignal.timeout(PATIENCE) });
  } catch (error) {
    if (navigator.onLine === false) throw new Unusable("offline", "This device is offline.");
    const why = error.name === "TimeoutError" ? "It did not answer in time." : "It cannot be reached.";
    throw new Unusable("unreachable", why);
  }
  if (answer.status === 404) throw new Unusable("missing", `${file} is not there (404).`);
  if (!answer.ok) throw new Unusable("unreachable", `${file} was answered with status ${answer.status}.`);
  try {
    return await answer.json();
  } catch {
    throw new Unusable("broken", `${file} is not JSON.`);
  }
}

/** Reads the data again. What is shown stays until there is something newer. */
async function refresh() {
  if (page.isLoading) return;
  page.isLoading = true;
  document.documentElement.dataset.loading = "true";
  try {
    page.data = readApps(await load("apps.json"), Date.now());
    page.failure = null;
    page.order = null;
    page.series.clear();
  } catch (error) {
    if (!(error instanceof Unusable)) throw error;
    page.failure = error;
  } finally {
    page.isLoading = false;
    delete document.documentElement.dataset.loading;
  }
  draw();
  // For measurements: the first moment at which the rows are on the screen.
  requestAnimationFrame(() => setTimeout(() => performance.mark("apps-painted")));
  if (page.failure === null) {
    listen();
    await refreshMetrics();
  }
  if (detail.isOpen) await loadMore();
  document.documentElement.dataset.refreshed = String(Number(document.documentElement.dataset.refreshed ?? 0) + 1);
}

async function refreshMetrics() {
  try {
    page.metrics = await load("metrics.json");
    page.note = "";
  } catch (error) {
    // No checks yet is no fault of anybody.
    page.note = error.kind === "missing" ? "" : `Uptime and response times are missing: ${error.message}`;
  }
  page.series.clear();
  if (/uptime|response/.test(page.view.sort)) page.order = null;
  draw();
}

/** What only the view of one app needs. */
async function loadMore() {
  const loaded = await Promise.allSettled([load("deploys.json"), load("audit-log.json")]);
  const [deploys, audit] = loaded.map((result) => {
    if (result.status === "fulfilled") return result.value;
    return result.reason.kind === "missing" ? "Not published." : result.reason.message;
  });
  page.more = { deploys, audit };
  drawDetail();
}

/** Goes to another view; the address follows. */
function go(change, isPlace = false) {
  page.view = { ...page.view, ...change };
  const address = writeView(page.view);
  if (isPlace) history.pushState(null, "", address);
  else history.replaceState(null, "", address === "#" ? location.pathname + location.search : address);
  if ("sort" in change) page.order = null;
  draw();
  if (page.view.app !== "" && change.app) loadMore();
}

/** Filters that make the list another one begin at its top. */
function narrow(change) {
  go(change);
  const top = at("bar").offsetTop;
  if (window.scrollY > top) window.scrollTo(0, top);
}

function draw() {
  const now = Date.now();
  const { view, data } = page;
  drawFresh(now);
  drawControls();
  if (data === null) {
    at("table").hidden = true;
    if (page.failure) drawState(page.failure.kind, page.failure.message);
    return;
  }
  const sums = totals(data.apps);
  for (const [id, sum] of Object.entries(sums)) at(id).textContent = sum.toLocaleString("en");
  at("verdict").textContent = verdict(sums);
  document.title = sums.issues > 0 ? `(${sums.issues}) Apps` : "Apps";
  page.order ??= sorted(data.apps, view.sort, seriesOf);
  const shown = filtered(page.order, view);
  const isAll = shown.length === data.apps.length;
  at("count").textContent = isAll ? `${count(shown.length)}` : `${shown.length.toLocaleString("en")} of ${count(data.apps.length)}`;
  at("table").hidden = shown.length === 0;
  if (data.apps.length === 0) drawState("empty");
  else if (shown.length === 0) drawState("none");
  else drawState("");
  rows.show(shown, now);
  drawDetail();
}

const count = (apps) => `${apps.toLocaleString("en")} ${apps === 1 ? "app" : "apps"}`;

function verdict(sums) {
  if (sums.total === 0) return "No apps yet";
  const have = (number, one, many) => (number === 1 ? one : many);
  if (sums.issues > 0) return `${sums.issues} of ${count(sums.total)} ${have(sums.issues, "has", "have")} issues`;
  if (sums.unknown === sums.total) return `${count(sums.total)}, health unknown`;
  if (sums.unknown > 0) return `${sums.healthy} of ${count(sums.total)} ${have(sums.healthy, "is", "are")} healthy, ${sums.unknown} unknown`;
  return sums.total === 1 ? "The app is healthy" : `All ${count(sums.total)} are healthy`;
}

function drawControls() {
  const { view } = page;
  const search = at("search");
  if (search.value !== view.q && document.activeElement !== search) search.value = view.q;
  for (const button of document.querySelectorAll("[data-environment]")) {
    if (button.tagName === "BUTTON") button.setAttribute("aria-pressed", String(button.dataset.environment === view.env));
  }
  for (const button of at("tiles").querySelectorAll("button")) {
    button.setAttribute("aria-pressed", String(button.dataset.status === view.status));
  }
  const sort = at("sort");
  if (![...sort.options].some((option) => option.value === view.sort)) {
    const key = view.sort.replace(/^-/, "");
    sort.append(element("option", { value: view.sort }, `${key}${view.sort.startsWith("-") ? ", descending" : ""}`));
  }
  sort.value = view.sort;
  markSorted(at("heads"), view.sort);
}

/** How old the data is, and whether that is too old. */
function drawFresh(now) {
  const { data, failure, note } = page;
  const age = data ? now - data.updated : Number.NaN;
  const isStale = data !== null && !(age <= STALE_AFTER);
  const state = data === null ? (failure ? "failed" : "loading") : isStale ? "stale" : failure ? "failed" : "fresh";
  at("fresh").dataset.state = state;
  document.body.classList.toggle("is-stale", isStale);
  if (data) {
    at("age").textContent = Number.isFinite(data.updated) ? `Updated ${ago(data.updated, now)}` : "Age of the data unknown";
    at("age").title = exact(data.updated);
  } else if (failure) {
    at("age").textContent = "No data";
  }
  const said = [];
  if (data && failure) said.push(`The data could not be refreshed: ${failure.message}`);
  if (isStale) {
    said.push(Number.isFinite(age) ? `What you see is ${span(age)} old. It may not be true any more.` : "How old this is, is not known.");
  }
  if (note !== "") said.push(note);
  const banner = at("banner");
  const words = said.join(" ");
  if (banner.textContent !== words) banner.textContent = words;
  banner.hidden = words === "";
}

const STATES = {
  offline: ["You are offline", "The apps appear as soon as this device is online again."],
  unreachable: ["The data cannot be reached", ""],
  missing: ["There is no data yet", "`dokku-cli dashboard publish` writes it, and so does every deploy from then on."],
  broken: ["The data cannot be read", "apps.json is damaged. The next publish refuses to write over it; look at the file on its branch."],
  empty: ["No apps yet", "The first `dokku-cli deploy` brings one here."],
  none: ["No app matches", "Nothing fits this search and these filters."],
};

function drawState(kind, message = "") {
  const state = at("state");
  if (state.dataset.kind === kind && state.dataset.message === message) return;
  state.dataset.kind = kind;
  state.dataset.message = message;
  if (kind === "") {
    state.replaceChildren();
    return;
  }
  if (page.data === null) {
    at("verdict").textContent = "Apps";
    document.title = "Apps";
  }
  const [title, hint] = STATES[kind] ?? STATES.unreachable;
  const button = element("button", { type: "button", class: "plain" }, kind === "none" ? "Show all apps" : "Try again");
  button.addEventListener("click", () => {
    if (kind === "none") {
      at("search").value = "";
      narrow({ q: "", env: "", status: "" });
      at("search").focus();
    } else refresh();
  });
  state.replaceChildren(
    element("h2", {}, title),
    message === "" ? "" : element("p", {}, message),
    hint === "" ? "" : element("p", {}, ...hint.split("`").map((part, index) => (index % 2 ? element("code", {}, part) : part))),
    button,
  );
}

function drawDetail() {
  const { view, data } = page;
  if (view.app === "") {
    detail.close();
    return;
  }
  if (data === null) return;
  const app = data.apps.find((one) => one.key === view.app);
  if (app) detail.show(app, seriesOf(app), page.more, Date.now());
  else detail.missing(view.app);
}

/** Where the data is served live, its server says when there is something new. */
function listen() {
  if (!page.data.isLive || page.events) return;
  page.events = new EventSource("events");
  page.events.addEventListener("changed", () => refresh());
}

function chooseSort(first) {
  const { sort } = page.view;
  const opposite = first.startsWith("-") ? first.slice(1) : `-${first}`;
  go({ sort: sort === first ? opposite : first });
}

function start() {
  heads(at("heads"), chooseSort);
  at("search").value = page.view.q;
  at("search").addEventListener("input", () => narrow({ q: at("search").value }));
  at("search").addEventListener("keydown", (event) => {
    if (event.key !== "ArrowDown") return;
    event.preventDefault();
    rows.focus(0);
  });
  at("sort").addEventListener("change", () => go({ sort: at("sort").value }));
  at("refresh").addEventListener("click", refresh);
  at("skip").addEventListener("click", (event) => {
    event.preventDefault();
    at("results").focus();
  });
  for (const button of at("environments").querySelectorAll("button")) {
    button.addEventListener("click", () => narrow({ env: button.dataset.environment }));
  }
  for (const button of at("tiles").querySelectorAll("button")) {
    button.addEventListener("click", () => narrow({ status: button.dataset.status }));
  }
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || detail.isOpen) return;
    if (/^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)) return;
    event.preventDefault();
    at("search").select();
  });
  let isDue = false;
  window.addEventListener(
    "scroll",
    () => {
      if (isDue) return;
      isDue = true;
      requestAnimationFrame(() => {
        isDue = false;
        rows.draw();
      });
    },
    { passive: true },
  );
  new ResizeObserver(() => page.data && rows.measure()).observe(at("results"));
  window.addEventListener("resize", () => page.data && rows.measure());
  window.addEventListener("hashchange", follow);
  window.addEventListener("popstate", follow);
  window.addEventListener("online", refresh);
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) refresh();
  });
  setInterval(() => document.hidden || refresh(), REFRESH_EVERY);
  setInterval(() => document.hidden || draw(), 30e3);
  draw();
  refresh();
  if (page.view.app !== "") loadMore();
}

/** Another address was chosen by the reader: Back, a link, a hand. */
function follow() {
  const before = page.view;
  page.view = readView(location.hash);
  if (writeView(before) === writeView(page.view)) return;
  if (before.sort !== page.view.sort) page.order = null;
  at("search").value = page.view.q;
  draw();
  if (page.view.app !== "" && page.view.app !== before.app) loadMore();
}

start();
