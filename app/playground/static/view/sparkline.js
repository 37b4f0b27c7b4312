// A line as small as a word: the newest value stands at its right end.

import { svg } from "../lib/dom.js";

const [WIDTH, HEIGHT] = [120, 28];

/** Values from oldest to newest; null where there is none. */
export function sparkline(values, count) {
  const highest = Math.max(...values.map((value) => value ?? 0), 1e-9);
  const step = WIDTH / (count - 1);
  const left = WIDTH - step * (values.length - 1);
  const points = values.map((value, i) =>
    value === null ? null : `${(left + i * step).toFixed(1)} ${(HEIGHT - 1 - (value / highest) * (HEIGHT - 3)).toFixed(1)}`,
  );
  // A point with nothing before it begins a line, be it no longer than itself.
  const line = points.map((point, i) => point && (points[i - 1] ? `L${point}` : `M${point}h0`)).filter(Boolean);
  const attributes = { class: "sparkline", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true" };
  return svg("svg", attributes, svg("path", { d: line.join("") || "M0 0" }));
}
