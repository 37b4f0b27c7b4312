// What the model says: labels as bars, entities in their text.

import { byId, h, show } from "../lib/dom.js";
import { number, percent, t } from "../lib/language.js";
import { entitiesOf } from "./entities.js";
import { timings } from "./timings.js";

const FIRST_LABELS = 12;
const card = byId("answer-card");

export function showNothing() {
  card.removeAttribute("aria-busy");
  show(byId("answer"), h("p", { class: "nothing" }, t("answer_none")));
}

/** While the service is asked, what is there stays, paler. */
export function showAsking() {
  card.setAttribute("aria-busy", "true");
  byId("announcement").textContent = t("answer_asking");
}

/** Show an answer to the text that was sent, whatever the form has meanwhile. */
export function showAnswer({ answer, text, model, timing, milliseconds }) {
  card.removeAttribute("aria-busy");
  const [result] = answer.results;
  const found = result.labels ? labelsOf(result.labels) : entitiesOf(text, result.entities, model);
  byId("announcement").textContent = spoken(result);
  show(byId("answer"), found, reading(answer, result), timings(timing, milliseconds));
}

function spoken({ labels, entities }) {
  if (entities) return t("said_entities", { count: entities.length });
  if (labels.length === 0) return t("labels_none");
  const { label, score } = labels[0];
  return t("said_labels", { label, score: scoreText(score, areShares(labels)), count: labels.length });
}

function labelsOf(labels, count = FIRST_LABELS) {
  if (labels.length === 0) return h("p", { class: "nothing" }, t("labels_none"));
  const shares = areShares(labels);
  const widest = shares ? 1 : Math.max(...labels.map(({ score }) => Math.abs(score)));
  const rows = labels.slice(0, count).map((label) => row(label, label.score / widest, shares));
  const list = h("ol", { class: "labels" }, ...rows);
  if (labels.length <= count) return list;
  const showAll = () => list.parentElement.replaceWith(labelsOf(labels, labels.length));
  const words = t("labels_all", { count: labels.length });
  return h("div", {}, list, h("button", { type: "button", class: "quiet", onclick: showAll }, words));
}

/** Scores are shares of one but for regression and raw logits. */
const areShares = (labels) => labels.every(({ score }) => score >= 0 && score <= 1);

const scoreText = (score, shares) => (shares ? percent(score) : number(score, 4));

function row({ label, score }, length, shares) {
  const fill = h("div", { class: length < 0 ? "fill negative" : "fill" });
  fill.style.width = `${Math.abs(length) * 100}%`;
  return h(
    "li",
    { class: "label" },
    h("bdi", { class: "label-name" }, label),
    h("span", { class: "label-score" }, scoreText(score, shares)),
    h("div", { class: "track", "aria-hidden": "true" }, fill),
  );
}

function reading({ model, version }, { tokens, windows, truncated }) {
  const said = [
    t("version_of", { name: model, version }),
    t("tokens", { count: number(tokens) }),
    windows === 1 ? t("window_one") : t("windows", { count: number(windows) }),
  ];
  const parts = said.map((words) => h("span", {}, words));
  return h("p", { class: "reading" }, ...parts, truncated && h("strong", {}, t("truncated")));
}
