// What is asked: texts, options, examples.

import { byId, h, show } from "../lib/dom.js";
import { examplesOf } from "../lib/examples.js";
import { t } from "../lib/language.js";

const [text, pair, pairField] = ["text", "pair", "pair-field"].map(byId);
const LONG_TEXT = ["truncate", "window", "error"];
const STRATEGIES = ["none", "simple", "first", "average", "max"];

export const isEmpty = () => text.value === "";

export const focusText = () => text.focus();

/** Begin with a text that can be run. */
export function fillFirst(model) {
  if (isEmpty()) text.value = examplesOf(model)[0].text;
}

/** The path and the body that the form stands for. */
export function readRequest(model) {
  const isPair = !pairField.hidden && pairField.open && pair.value !== "";
  const inputs = isPair ? { text: text.value, text_pair: pair.value } : text.value;
  const path = model.task === "token-classification" ? "v1/ner" : "v1/classify";
  return { path, body: { model: model.name, inputs, ...readOptions() } };
}

/** Show what this model takes; what was entered stays where it fits. */
export function showForm(model, fields, onExample) {
  const kept = readOptions();
  show(byId("options"), byId("options").querySelector("legend"), optionsOf(model, fields));
  for (const control of controls()) control.value = kept[control.name] ?? "";
  pairField.hidden = model.task === "token-classification" || model.input === "text";
  pairField.open ||= model.input === "pair";
  const buttons = examplesOf(model).map((example) =>
    h("button", { type: "button", class: "chip", onclick: () => take(example, onExample) }, t(example.name)),
  );
  show(byId("examples"), buttons);
}

function take(example, onExample) {
  text.value = example.text;
  pair.value = example.pair ?? "";
  pairField.open = pair.value !== "";
  onExample();
}

function optionsOf(model, fields) {
  const threshold = input("threshold", t("default"), { min: 0, max: 1, step: 0.05 });
  if (model.task === "token-classification") {
    return [select("aggregation_strategy", STRATEGIES), threshold, select("long_text", LONG_TEXT)];
  }
  const activations = valuesOf(fields.activation);
  return [
    input("top_k", t("all"), { min: 1, step: 1 }),
    threshold,
    select("long_text", LONG_TEXT),
    activations.length > 0 && select("activation", activations),
  ];
}

/** The words that a field of the service's description may be; none where there is no such field. */
function valuesOf(field) {
  const kinds = field ? [field, ...(field.anyOf ?? [])] : [];
  return kinds.flatMap((kind) => kind.enum ?? []).filter((value) => value !== "default");
}

const controls = () => byId("options").querySelectorAll("input, select");

function readOptions() {
  const filled = Array.from(controls()).filter((control) => control.value !== "");
  const read = (control) => (control.type === "number" ? Number(control.value) : control.value);
  return Object.fromEntries(filled.map((control) => [control.name, read(control)]));
}

function select(name, values) {
  const options = values.map((value) => h("option", { value }, value));
  return labelled(name, h("select", { id: name, name }, h("option", { value: "" }, t("default")), ...options));
}

function input(name, placeholder, limits) {
  return labelled(name, h("input", { id: name, name, type: "number", placeholder, ...limits }));
}

const labelled = (name, control) => h("div", { class: "option" }, h("label", { for: name }, t(name)), control);
