// What serves: which version and graph, and how well it holds to its checkpoint.

import { byId, h, show } from "../lib/dom.js";
import { number, percent, t } from "../lib/language.js";

const MOST_LABELS = 24;

export function showFacts(model, models) {
  const failed = models.filter(({ status }) => status === "failed").map(failure);
  if (!model) {
    show(byId("facts"), failed, h("p", { class: "nothing" }, t("models_none_text")));
    return;
  }
  const facts = factsOf(model).filter(([, value]) => value !== null);
  const rows = facts.map(([key, value]) => h("div", { class: "fact" }, h("dt", {}, t(key)), h("dd", {}, value)));
  show(byId("facts"), degraded(model), model.last_failure && failure(model), failed, h("dl", { class: "facts" }, ...rows), labelsOf(model.labels));
}

function factsOf(model) {
  const { execution, precision, provider } = model;
  return [
    ["fact_version", versionOf(model)],
    ["fact_task", model.task],
    ["fact_reads", model.input && t(`reads_${model.input}`)],
    ["fact_length", t("tokens", { count: number(model.max_length) })],
    ["fact_precision", [precision, provider?.replace("ExecutionProvider", "")].join(" · ")],
    ["fact_execution", execution && [execution.kind, execution.reason].filter(Boolean).join(": ")],
    ["fact_agreement", model.agreement === null ? null : percent(model.agreement, 2)],
    ["fact_temperature", model.temperature === null ? t("not_calibrated") : number(model.temperature, 3)],
    ["fact_invariant", model.batch_invariant ? t("yes") : t("no")],
    ["fact_metrics", pairs(model.metrics)],
    ["fact_thresholds", pairs(model.label_thresholds)],
  ];
}

function versionOf({ version, versions }) {
  if (versions.length <= 1) return String(version);
  return t("fact_versions", { version, versions: versions.join(", ") });
}

function pairs(figures) {
  const shown = Object.entries(figures ?? {}).map(([name, value]) => `${name}\u00a0${number(value, 3)}`);
  return shown.length ? shown.join(" · ") : null;
}

const degraded = (model) => model.degraded && note(t("degraded"), model.degraded);

const failure = (model) => note(`${t("last_failure")}: ${model.name}`, model.last_failure?.reason ?? t("fails"));

const note = (title, reason) => h("p", { class: "note" }, h("strong", {}, title), ` ${reason}`);

function labelsOf(labels) {
  const shown = labels.slice(0, MOST_LABELS).map((label) => h("li", {}, h("bdi", {}, label)));
  if (labels.length > MOST_LABELS) shown.push(h("li", {}, `+ ${labels.length - MOST_LABELS}`));
  return h("div", { class: "known" }, h("h3", {}, t("fact_labels")), h("ul", {}, ...shown));
}
