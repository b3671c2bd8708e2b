// What the data files say, as the page shows it. Nothing here touches the document.

/** A health check older than this says nothing about now. */
export const HEALTH_LASTS = 24 * 3600e3;
/** Data older than this is shown as stale. */
export const STALE_AFTER = 15 * 60e3;
/** Seconds in a cell of the checks, and cells in a day and a week. */
const DAY = 96;
const WEEK = 672;

const RANKS = { down: 0, failed: 1, stopped: 2, unknown: 3, healthy: 4 };

/** A value as text: what is no text or number is none; long ones are cut. */
export function text(value, most = 300) {
  const whole = typeof value === "string" ? value : Number.isFinite(value) ? String(value) : "";
  if (whole.length <= most) return whole.isWellFormed?.() === false ? whole.toWellFormed() : whole;
  return `${Array.from(whole.slice(0, most)).slice(0, -1).join("")}…`;
}

// Control characters, and those that turn the direction of writing around.
const UNSEEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/** A text as it is read: nothing in it is invisible or makes it read as another one. */
export function visible(words) {
  return words.replace(UNSEEN, (letter) => {
    const code = letter.charCodeAt(0);
    return code < 0x20 ? String.fromCharCode(0x2400 + code) : `\\u{${code.toString(16)}}`;
  });
}

/** A time in milliseconds, or NaN. */
export function time(value) {
  return typeof value === "string" ? Date.parse(value) : Number.NaN;
}

/** A number, or NaN. */
export function number(value) {
  return typeof value === "number" ? value : Number.NaN;
}

const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
const object = (value) => (isObject(value) ? value : {});

/** An address that a link may lead to, or "": other schemes than http and https never do. */
export function address(value) {
  const given = text(value, 2000);
  if (!/^https?:\/\//i.test(given)) return "";
  try {
    return new URL(given).href;
  } catch {
    return "";
  }
}

/** The page of a repository that is given as owner/name or as an address. */
export function repositoryAddress(value) {
  const given = text(value, 500);
  return /^[\w.-]+\/[\w.-]+$/.test(given) ? `https://github.com/${given}` : address(given);
}

/** What is wrong with a file, as the page tells it. */
export class Unusable extends Error {
  constructor(kind, message) {
    super(message);
    this.kind = kind;
  }
}

/** The apps of apps.json. */
export function readApps(file, now) {
  if (!isObject(file) || !Array.isArray(file.apps)) {
    throw new Unusable("broken", "apps.json holds no list of apps.");
  }
  const seen = new Map();
  const apps = [];
  for (const row of file.apps) {
    if (!isObject(row)) continue;
    const name = text(row.name, 200);
    if (name === "") continue;
    const count = seen.get(name) ?? 0;
    seen.set(name, count + 1);
    apps.push(readApp(row, count === 0 ? name : `${name} #${count + 1}`, name, now));
  }
  return { updated: time(file.last_updated), isLive: file.live === true, apps };
}

function readApp(row, key, name, now) {
  const uptime = object(row.uptime);
  const release = number(row.release);
  const app = {
    key,
    name,
    environment: text(row.environment, 40),
    url: text(row.url),
    link: address(row.url),
    repository: text(row.repository ?? row.repo),
    repositoryLink: repositoryAddress(row.repository ?? row.repo),
    baseApp: text(row.base_app, 200),
    deployResult: text(row.status, 40),
    deployed: text(row.last_deploy_by) === "sync" ? Number.NaN : time(row.last_deploy),
    by: text(row.last_deploy_by),
    commit: text(row.commit_sha, 64),
    message: text(row.commit_message),
    workflowLink: address(row.workflow_url),
    release,
    duration: number(row.duration),
    processes: text(row.processes, 20),
    checked: time(uptime.last_check),
    since: time(uptime.since),
    response: number(uptime.response_time_ms),
    reason: text(uptime.reason),
    lock: readLock(row.lock, now),
    backup: readBackup(row.last_backup, row.restore_tested, row.restore_failed),
    certificate: time(row.certificate_expires),
    certificateDays: number(row.certificate_days),
    series: null,
  };
  if (Number.isFinite(app.certificate)) {
    app.certificateDays = Math.floor((app.certificate - now) / 86400e3);
  }
  app.status = judge(app, text(uptime.status, 20), now);
  app.hay = [name, app.repository, app.by, app.commit, app.message, app.url].join("\n").toLowerCase();
  return app;
}

function readLock(value, now) {
  if (!isObject(value)) return null;
  const until = time(value.until);
  if (until <= now) return null;
  return { reason: text(value.reason), by: text(value.by ?? value.locked_by), at: time(value.at ?? value.locked_at), until };
}

function readBackup(value, tested, failed) {
  if (!isObject(value)) return null;
  return {
    at: time(value.at),
    isGood: value.ok === true,
    service: text(value.service, 60),
    size: number(value.size),
    tested: time(tested),
    restores: !Number.isFinite(time(failed)),
  };
}

/** The status: never healthier than what is known. */
function judge(app, health, now) {
  const state = (kind, word, why) => ({ kind, word, why, group: group(kind) });
  const result = app.deployResult;
  const isFresh = now - app.checked <= HEALTH_LASTS;
  const isBad = /^(failure|failed|error|cancelled)$/.test(result);
  if (health === "unhealthy" && isFresh) return state("down", "Down", app.reason || "The health check fails.");
  if (app.processes === "stopped" || (!app.processes && result === "stopped")) {
    return state("stopped", "Stopped", "Its processes are stopped.");
  }
  if (isBad) {
    const serves = health === "healthy" && isFresh ? " The version before answers." : "";
    return state("failed", "Failed", `The last deploy ended as ${result}.${serves}`);
  }
  if (health === "healthy" && isFresh) return state("healthy", "Healthy", "");
  if (health === "healthy" || health === "unhealthy") {
    return state("unknown", "Unknown", "It was not checked for more than a day.");
  }
  if (app.processes === "running" || result === "running") {
    return state("unknown", "Running", "It runs; its health was not checked.");
  }
  return state("unknown", "Unknown", "Its health was not checked.");
}

function group(kind) {
  return kind === "healthy" || kind === "unknown" ? kind : "issues";
}

/** How many apps there are of each group. */
export function totals(apps) {
  const sums = { total: apps.length, healthy: 0, issues: 0, unknown: 0 };
  for (const app of apps) sums[app.status.group] += 1;
  return sums;
}

/** The states and times of an app's checks, from its short form in metrics.json. */
export function readSeries(metrics, name, now) {
  const apps = object(object(object(metrics).checks).apps);
  const own = Object.hasOwn(apps, name) ? object(apps[name]) : {};
  const end = number(own.end);
  const states = new Uint8Array(WEEK);
  const times = new Array(DAY).fill(0);
  if (Number.isFinite(end)) {
    const behind = Math.floor(now / 900e3) - end;
    let at = behind;
    for (const [, length, letter] of text(own.week, 6000).matchAll(/(\d{1,4})([ud.])/g)) {
      const stop = Math.min(at + Number(length), WEEK);
      const state = letter === "u" ? 1 : letter === "d" ? 2 : 0;
      for (; at < stop; at += 1) if (at >= 0) states[at] = state;
    }
    const given = Array.isArray(own.ms) ? own.ms : [];
    for (let back = 0; back < Math.min(given.length, DAY); back += 1) {
      const place = back + behind;
      if (place >= 0 && place < DAY && given[back] > 0) times[place] = given[back];
    }
  }
  const known = times.filter((took) => took > 0).sort((one, other) => one - other);
  const percentile = (share) => known[Math.max(0, Math.floor((known.length * share) / 100) - 1)] ?? Number.NaN;
  return {
    states,
    times,
    p50: percentile(50),
    p95: percentile(95),
    day: rate(states, DAY),
    week: rate(states, WEEK),
  };
}

function rate(states, length) {
  let up = 0;
  let down = 0;
  for (let at = 0; at < length; at += 1) {
    if (states[at] === 1) up += 1;
    else if (states[at] === 2) down += 1;
  }
  return { up, down, share: up + down === 0 ? Number.NaN : up / (up + down) };
}

/** A bar of `count` pieces, the oldest first: none, up, partly or down. */
export function pieces(states, length, count) {
  const size = length / count;
  return Array.from({ length: count }, (_, index) => {
    const first = length - (index + 1) * size;
    let up = 0;
    let down = 0;
    for (let at = first; at < first + size; at += 1) {
      if (states[at] === 1) up += 1;
      else if (states[at] === 2) down += 1;
    }
    if (up + down === 0) return "none";
    if (down === 0) return "up";
    return up === 0 ? "down" : "partly";
  });
}

/** What the rows are sorted by. Texts and numbers; NaN and "" come last in both directions. */
export const SORTS = {
  status: (app) => RANKS[app.status.kind],
  name: (app) => app.name.toLowerCase(),
  environment: (app) => app.environment,
  deployed: (app) => app.deployed,
  by: (app) => app.by.toLowerCase(),
  release: (app) => app.release,
  response: (app, series) => (Number.isNaN(series(app).p95) ? app.response : series(app).p95),
  uptime: (app, series) => series(app).week.share,
  backup: (app) => app.backup?.at ?? Number.NaN,
  certificate: (app) => app.certificateDays,
};

/** The apps in the order of `sort`, such as "name" or "-deployed"; equal ones by name. */
export function sorted(apps, sort, series) {
  const isDown = sort.startsWith("-");
  const key = SORTS[isDown ? sort.slice(1) : sort] ?? SORTS.status;
  const isNone = (value) => value === "" || Number.isNaN(value);
  const compare = (one, other) => (one < other ? -1 : one > other ? 1 : 0);
  return apps
    .map((app) => ({ app, value: key(app, series) }))
    .sort((one, other) => {
      const none = Number(isNone(one.value)) - Number(isNone(other.value));
      if (none !== 0) return none;
      const order = isNone(one.value) ? 0 : compare(one.value, other.value) * (isDown ? -1 : 1);
      return order || compare(one.app.name, other.app.name);
    })
    .map(({ app }) => app);
}

/** The apps that a view shows, in their order. Every word of the search has to occur. */
export function filtered(apps, view) {
  const words = view.q.toLowerCase().split(/\s+/).filter(Boolean);
  return apps.filter(
    (app) =>
      (view.env === "" || app.environment === view.env) &&
      (view.status === "" || app.status.group === view.status || app.status.kind === view.status) &&
      words.every((word) => app.hay.includes(word)),
  );
}

/** The view that an address names. */
export function readView(hash) {
  const given = new URLSearchParams(hash.replace(/^#/, ""));
  const get = (key) => text(given.get(key) ?? "", 300);
  const sort = get("sort");
  return {
    q: get("q"),
    env: get("env"),
    status: get("status"),
    sort: Object.hasOwn(SORTS, sort.replace(/^-/, "")) ? sort : "status",
    app: get("app"),
  };
}

/** The address of a view. */
export function writeView(view) {
  const parts = new URLSearchParams();
  for (const key of ["q", "env", "status", "sort", "app"]) {
    if (view[key] !== "" && !(key === "sort" && view[key] === "status")) parts.set(key, view[key]);
  }
  return `#${parts}`;
}

const UNITS = [
  ["year", 365 * 86400e3],
  ["month", 30 * 86400e3],
  ["day", 86400e3],
  ["hour", 3600e3],
  ["minute", 60e3],
];

/** A time as people say it: "3 hours ago"; "" for none. */
export function ago(at, now) {
  if (!Number.isFinite(at)) return "";
  const past = now - at;
  if (past < -60e3) return "in the future";
  const unit = UNITS.find(([, length]) => past >= length);
  if (!unit) return "just now";
  return `${span(past)} ago`;
}

/** A length of time in its largest unit: "3 hours". */
export function span(length) {
  const [name, size] = UNITS.find(([, least]) => length >= least) ?? ["minute", 60e3];
  const count = Math.max(1, Math.floor(length / size));
  return `${count} ${name}${count === 1 ? "" : "s"}`;
}

const EXACT = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium" });

/** The exact time, in the reader's time zone and in UTC. */
export function exact(at) {
  if (!Number.isFinite(at)) return "";
  return `${EXACT.format(at)} (${new Date(at).toISOString().slice(0, 19)}Z)`;
}

/** A share as per cent, never rounded up to all: "99.9 %". */
export function percent(share) {
  if (!Number.isFinite(share)) return "–";
  if (share === 1) return "100 %";
  const floored = Math.floor(share * 1000) / 10;
  return `${floored.toFixed(1)} %`;
}

/** Milliseconds as people read them. */
export function milliseconds(took) {
  if (!Number.isFinite(took)) return "–";
  return took < 1000 ? `${Math.round(took)} ms` : `${(took / 1000).toFixed(1)} s`;
}
