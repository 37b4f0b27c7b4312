// Entities in their text, each where it stands, and a table of them.

import { h } from "../lib/dom.js";
import { percent, t } from "../lib/language.js";
import { cut } from "../lib/offsets.js";

const HUES = 8;

export function entitiesOf(text, entities, model) {
  const groups = [...new Set([...groupsOf(model), ...entities.map((entity) => entity.entity_group)])];
  const hue = (group) => `hue-${groups.indexOf(group) % HUES}`;
  const pieces = cut(text, entities).map((piece) =>
    piece.entity ? mark(piece.text, piece.entity, hue) : piece.text,
  );
  const marked = h("p", { class: "marked", dir: "auto", tabindex: "0", role: "group", "aria-label": t("marked") }, ...pieces);
  const table = entities.length ? tableOf(entities, hue) : h("p", { class: "nothing" }, t("entities_none"));
  return h("div", {}, marked, table);
}

/** The groups of a model's tags, in their order, so that a group's colour stays. */
const groupsOf = (model) =>
  model.labels.filter((label) => label !== "O").map((label) => label.replace(/^[BIELSUM]-/, ""));

function mark(text, entity, hue) {
  const group = h("bdi", { class: "mark-group", "aria-hidden": "true" }, entity.entity_group);
  const title = `${entity.entity_group} ${percent(entity.score)}`;
  return h("mark", { class: `mark ${hue(entity.entity_group)}`, title }, h("span", { class: "mark-text" }, text), group);
}

function tableOf(entities, hue) {
  const heads = ["entity", "group", "span", "score"].map((key) => h("th", { scope: "col" }, t(key)));
  const rows = entities.map((entity) =>
    h(
      "tr",
      {},
      h("td", {}, h("bdi", {}, entity.word)),
      h("td", {}, h("bdi", { class: `group ${hue(entity.entity_group)}` }, entity.entity_group)),
      h("td", { class: "figure" }, `${entity.start}–${entity.end}`),
      h("td", { class: "figure" }, percent(entity.score)),
    ),
  );
  return h(
    "div",
    { class: "table", tabindex: "0", role: "region", "aria-label": t("entity") },
    h("table", {}, h("thead", {}, h("tr", {}, ...heads)), h("tbody", {}, ...rows)),
  );
}
