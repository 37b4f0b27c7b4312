// Load and latency as they are, from /metrics, while somebody looks.

import { fetchMetrics } from "../lib/api.js";
import { byId, h, show } from "../lib/dom.js";
import { milliseconds, number, t } from "../lib/language.js";
import { parse, quantile } from "../lib/prometheus.js";
import { sparkline } from "./sparkline.js";

const EVERY_SECONDS = 3;
const KEPT = 60 / EVERY_SECONDS + 1;
let samples = [];
let isAsking = false;

export function startLive() {
  setInterval(poll, EVERY_SECONDS * 1000);
  document.addEventListener("visibilitychange", poll);
  poll();
}

async function poll() {
  if (document.hidden || isAsking) return;
  isAsking = true;
  try {
    samples = [...samples, summary(parse(await fetchMetrics()))].slice(-KEPT);
    showLive();
  } catch {
    samples = [];
    show(byId("live"), h("p", { class: "nothing" }, t("live_failed")));
  } finally {
    isAsking = false;
  }
}

export function showLive() {
  if (samples.length === 0) return;
  const steps = samples.slice(1).map((sample, i) => change(samples[i], sample));
  const minute = change(samples[0], samples.at(-1));
  const { inFlight, queued } = samples.at(-1);
  const time = (seconds) => (seconds === null ? "–" : milliseconds(seconds * 1000));
  show(
    byId("live"),
    h(
      "dl",
      { class: "meters" },
      meter("live_rate", minute ? number(minute.rate, 1) : "–", steps.map((step) => step?.rate ?? null)),
      meter("live_p50", time(minute?.p50 ?? null), steps.map((step) => step?.p50 ?? null)),
      meter("live_p95", time(minute?.p95 ?? null), steps.map((step) => step?.p95 ?? null)),
      meter("live_in_flight", number(inFlight), samples.map((sample) => sample.inFlight)),
      meter("live_queue", number(queued), samples.map((sample) => sample.queued)),
    ),
    h("p", { class: "hint" }, t("live_window")),
  );
}

function meter(key, value, series) {
  return h("div", { class: "meter" }, h("dt", {}, t(key)), h("dd", { class: "figure" }, value), sparkline(series, KEPT));
}

/** What of the metrics is shown: requests with a model are inference. */
function summary(metrics) {
  const named = (name) => metrics.filter((sample) => sample.name === `classmark_${name}`);
  const sum = (found) => found.reduce((total, { value }) => total + value, 0);
  const inference = (name) => named(name).filter(({ labels }) => labels.model);
  const buckets = new Map();
  for (const { labels, value } of inference("request_seconds_bucket")) {
    if (labels.status_class !== "2xx") continue;
    const bound = labels.le === "+Inf" ? Infinity : Number(labels.le);
    buckets.set(bound, (buckets.get(bound) ?? 0) + value);
  }
  return {
    at: performance.now() / 1000,
    requests: sum(inference("requests_total")),
    buckets,
    inFlight: Math.max(sum(named("requests_in_flight")) - 1, 0), // one of them asks for the metrics
    queued: sum(named("queue_entries")),
  };
}

/** What happened between two summaries; null if they are one, or the service has started anew. */
function change(before, after) {
  const requests = after.requests - before.requests;
  if (before === after || requests < 0) return null;
  const buckets = Array.from(after.buckets, ([bound, count]) => [bound, count - (before.buckets.get(bound) ?? 0)]);
  return {
    rate: requests / (after.at - before.at),
    p50: quantile(0.5, buckets),
    p95: quantile(0.95, buckets),
  };
}
