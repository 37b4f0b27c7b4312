// Where the time of a request went, by the header Server-Timing and the page's own clock.

import { h, svg } from "../lib/dom.js";
import { milliseconds as shown, t } from "../lib/language.js";

const STAGES = ["encode", "queue", "run", "decode", "cache", "rest"];

export function timings(header, total) {
  const stages = stagesOf(header, total);
  const whole = stages.reduce((sum, stage) => sum + stage.duration, 0) || 1;
  let at = 0;
  const parts = stages.map(({ name, duration }) => {
    const part = svg("rect", { class: `stage-${name}`, x: at, y: 0, width: (duration / whole) * 100, height: 1 });
    at += (duration / whole) * 100;
    return part;
  });
  const bar = svg("svg", { class: "stages", viewBox: "0 0 100 1", preserveAspectRatio: "none", "aria-hidden": "true" }, ...parts);
  const legend = stages.map(({ name, duration }) =>
    h("li", { class: `stage stage-${name}` }, t(`stage_${name}`), h("span", { class: "figure" }, shown(duration))),
  );
  const words = t("round_trip", { time: shown(total) });
  return h(
    "div",
    { class: "timings" },
    h("h3", {}, t("timings"), h("span", { class: "figure" }, words)),
    bar,
    h("ul", { class: "legend" }, ...legend),
  );
}

/** The stages that the service names, and the rest of the round trip. */
function stagesOf(header, total) {
  const named = Array.from(header.matchAll(/(\w+);dur=([\d.]+)/g), ([, name, duration]) => ({
    name,
    duration: Number(duration),
  })).filter(({ name }) => STAGES.includes(name));
  const rest = total - named.reduce((sum, { duration }) => sum + duration, 0);
  return [...named, { name: "rest", duration: Math.max(rest, 0) }];
}
