// Nodes of the document. Text goes in by textContent only; there is no markup in strings.

import { ago, exact, milliseconds, percent, pieces, span, visible } from "./model.js";

const SVG = "http://www.w3.org/2000/svg";

/** An element with attributes and children; children may be texts. */
export function element(name, attributes = {}, ...children) {
  return filled(document.createElement(name), attributes, children);
}

function shape(name, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, name), attributes, children);
}

function filled(node, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === "") continue;
    node.setAttribute(key, key === "title" || key === "aria-label" ? visible(value) : value);
  }
  const shown = children.filter((child) => child !== null && child !== "");
  node.append(...shown.map((child) => (typeof child === "string" ? visible(child) : child)));
  return node;
}

const ICONS = {
  healthy: ["M4.5 8.5l2.4 2.4 4.6-5"],
  down: ["M5.5 5.5l5 5m0-5l-5 5"],
  failed: ["M8 4.6v4M8 11.2v.2"],
  stopped: ["M6.4 5.5v5M9.6 5.5v5"],
  unknown: ["M6.2 6.3a1.9 1.9 0 1 1 2.6 1.8c-.6.3-.8.6-.8 1.1M8 11.3v.1"],
};

/** The round sign of a status. Its colour comes from the style sheet. */
export function statusIcon(kind) {
  return shape(
    "svg",
    { viewBox: "0 0 16 16", class: `icon status-icon ${kind}`, "aria-hidden": "true" },
    shape("circle", { cx: 8, cy: 8, r: 8 }),
    ...ICONS[kind].map((d) => shape("path", { d })),
  );
}

const SIGNS = {
  lock: "M5 7.2V5.4a3 3 0 0 1 6 0v1.8M3.8 7.2h8.4v6H3.8z",
  backup: "M3 4.2c0-1 2.2-1.7 5-1.7s5 .7 5 1.7v7.6c0 1-2.2 1.7-5 1.7s-5-.7-5-1.7zM3 4.2c0 1 2.2 1.7 5 1.7s5-.7 5-1.7M3 8c0 1 2.2 1.7 5 1.7S13 9 13 8",
  certificate: "M8 2l5 1.8v4c0 3-2.1 5-5 6.2-2.9-1.2-5-3.2-5-6.2v-4z",
  out: "M6 3.5H3.5v9h9V10M9 3.5h3.5V7M12.3 3.7L7.5 8.5",
  close: "M4 4l8 8m0-8l-8 8",
};

/** A small sign in the colour of its text. */
export function sign(name) {
  return shape("svg", { viewBox: "0 0 16 16", class: "icon sign", "aria-hidden": "true" }, shape("path", { d: SIGNS[name] }));
}

/** Text that only screen readers have. */
export function unseen(words) {
  return element("span", { class: "unseen" }, words);
}

/** A time: relative, with the exact one on hover and for programs. */
export function moment(at, now, none = "never") {
  if (!Number.isFinite(at)) return element("span", { class: "none" }, none);
  return element("time", { datetime: new Date(at).toISOString(), title: exact(at), "data-at": at }, ago(at, now));
}

/** A link to another site; where the address is no web address, its text. */
export function link(href, label, attributes = {}) {
  if (href === "") return element("span", attributes, label);
  return element("a", { href, rel: "noopener noreferrer", target: "_blank", ...attributes }, label, unseen(" (opens in a new tab)"));
}

/** The line of a day's response times; gaps stay gaps. */
export function sparkline(series) {
  const width = 96;
  const height = 24;
  const most = Math.max(...series.times, 1);
  const svg = shape("svg", { viewBox: `0 0 ${width} ${height}`, class: "sparkline", preserveAspectRatio: "none", "aria-hidden": "true" });
  const line = path(series.times, width, height, most);
  if (line !== "") svg.append(shape("path", { d: line, class: "line" }));
  return svg;
}

/** `times` from the newest to the oldest, drawn from left (oldest) to right. */
function path(times, width, height, most) {
  const step = width / (times.length - 1);
  let d = "";
  let isOpen = false;
  for (let index = 0; index < times.length; index += 1) {
    const took = times[times.length - 1 - index];
    if (took > 0) {
      const x = (index * step).toFixed(1);
      const y = (height - 2 - (took / most) * (height - 4)).toFixed(1);
      // A lone point is a short line.
      d += isOpen ? `L${x} ${y}` : `M${x} ${y}h.6`;
    }
    isOpen = took > 0;
  }
  return d;
}

/** A bar of checks. */
export function bar(series, days) {
  const length = days * 96;
  const count = days === 1 ? 48 : 84;
  const svg = shape("svg", { viewBox: `0 0 ${count * 4} 20`, class: "checks", preserveAspectRatio: "none", role: "img" });
  const { up, down } = days === 1 ? series.day : series.week;
  const name = days === 1 ? "Last 24 hours" : "Last 7 days";
  const told = up + down === 0 ? "no checks" : `${up + down - down} of ${up + down} checks passed`;
  svg.setAttribute("aria-label", `${name}: ${told}`);
  const paths = { none: "", up: "", partly: "", down: "" };
  pieces(series.states, length, count).forEach((state, index) => {
    // Trouble is taller too, for those who do not see its colour.
    const top = state === "up" ? 3 : state === "none" ? 8 : 0;
    paths[state] += `M${index * 4} ${top}h3v${20 - 2 * top}h-3z`;
  });
  for (const [state, d] of Object.entries(paths)) {
    if (d !== "") svg.append(shape("path", { d, class: state }));
  }
  return svg;
}

/** The chart of a day's response times, with its limits. */
export function chart(series, now) {
  const width = 560;
  const height = 150;
  const most = Math.max(...series.times);
  if (!(most > 0)) return element("p", { class: "none" }, "No response times in the last 24 hours.");
  const told = `Response time of the last 24 hours: half of the checks within ${milliseconds(series.p50)}, 95 of 100 within ${milliseconds(series.p95)}, the slowest ${milliseconds(most)}.`;
  const svg = shape("svg", { viewBox: `0 0 ${width} ${height}`, class: "chart", role: "img", "aria-label": told });
  const y = (took) => height - 22 - (took / most) * (height - 40);
  const words = [];
  for (const [word, took] of [["p50", series.p50], ["p95", series.p95]]) {
    svg.append(shape("path", { d: `M0 ${y(took)}H${width}`, class: "limit" }));
    // On two sides, for the two are often close.
    const isLeft = word === "p50";
    words.push(shape("text", { x: isLeft ? 2 : width - 2, y: y(took) + (isLeft ? 14 : -4), "text-anchor": isLeft ? "start" : "end" }, `${word} ${milliseconds(took)}`));
  }
  // On the scale of `y`, so that the line meets its limits.
  const line = path(series.times, width, height - 20, (most * (height - 24)) / (height - 40));
  svg.append(shape("path", { d: line, class: "line" }), ...words);
  for (const hours of [24, 18, 12, 6, 0]) {
    const x = width - (hours / 24) * width;
    const anchor = hours === 24 ? "start" : hours === 0 ? "end" : "middle";
    const clock = new Date(now - hours * 3600e3).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
    svg.append(shape("text", { x, y: height - 4, "text-anchor": anchor }, hours === 0 ? "now" : clock));
  }
  return svg;
}

/** How worrying a certificate is. */
export function certificateTone(days) {
  return days < 0 ? "bad" : days < 14 ? "warn" : "";
}

/** Days left, in words. */
export function certificateWords(days) {
  if (!Number.isFinite(days)) return "no certificate seen";
  if (days < 0) return "certificate expired";
  return `${days} ${days === 1 ? "day" : "days"} left`;
}

/** A backup, in words; `isShort` where there is little room. */
export function backupWords(backup, now, isShort = false) {
  if (!backup) return "no backup known";
  if (!backup.isGood) return "backup failed";
  if (!backup.restores) return "does not restore";
  const isTested = Number.isFinite(backup.tested);
  const words = isTested ? ["tested", "restore tested"] : ["untested", "never restored"];
  const tested = words[isShort ? 0 : 1];
  return `${ago(backup.at, now) || "backed up"}, ${tested}`;
}

/** A backup that is older is not the last night's: from then on the alarm is raised too. */
const BACKUP_LASTS = 26 * 3600e3;

/** How worrying a backup is. */
export function backupTone(backup, now) {
  if (!backup) return "";
  if (!backup.isGood || !backup.restores) return "bad";
  return now - backup.at > BACKUP_LASTS ? "warn" : "";
}

/** The two percentiles of a day's response times, in words. */
export function timesWords(series) {
  const [half, most] = [milliseconds(series.p50), milliseconds(series.p95)];
  const isSame = half.slice(-2) === most.slice(-2);
  return `p50 ${isSame ? half.replace(/\D+$/, "") : half} · p95 ${most}`;
}

/** Uptime over a day and a week, in words. */
export function uptimeWords(series) {
  return `24 h ${percent(series.day.share)} · 7 d ${percent(series.week.share)}`;
}

/** Who locked and since when, in words. */
export function lockWords(lock, now) {
  const who = lock.by === "" ? "" : ` by ${lock.by}`;
  const since = Number.isFinite(lock.at) ? ` for ${span(Math.max(0, now - lock.at))}` : "";
  return `Locked${who}${since}`;
}
