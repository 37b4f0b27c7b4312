// Holds what the page knows, and shows it anew when that changes.

import { fetchFields, fetchModels, post } from "./lib/api.js";
import { byId } from "./lib/dom.js";
import { switchLanguage, translatePage } from "./lib/language.js";
import { showAnswer, showAsking, showNothing } from "./view/answer.js";
import { showCode } from "./view/code.js";
import { showFacts } from "./view/facts.js";
import { fillFirst, focusText, isEmpty, readRequest, showForm } from "./view/form.js";
import { openKeyDialog, showKeyButton, startKey } from "./view/key.js";
import { showLive, startLive } from "./view/live.js";
import { onChoice, showPicker } from "./view/picker.js";
import { showProblem } from "./view/problem.js";

const UNTIL_SERVING_MILLISECONDS = 3000;

const state = {
  models: [],
  model: null, // the chosen one, as GET /v1/models has it
  fields: {}, // of a request, as the service describes them
  asked: 0, // requests so far: an answer that comes after the next was asked is not shown
  outcome: showNothing, // shows the last answer or problem again, in whatever language
};

async function loadModels() {
  try {
    state.fields = await fetchFields();
    await refreshModels();
    conclude(showNothing);
  } catch (error) {
    conclude(() => showProblem(error, openKeyDialog));
  }
}

async function refreshModels() {
  state.models = await fetchModels();
  choose(state.model?.name);
  if (!state.model) setTimeout(loadModels, UNTIL_SERVING_MILLISECONDS);
}

function choose(name) {
  const serving = state.models.filter((model) => model.status === "serving");
  const isFirst = state.model === null;
  state.model = serving.find((model) => model.name === name) ?? serving[0] ?? null;
  if (isFirst && state.model) fillFirst(state.model);
  showAll();
}

async function run() {
  if (isEmpty()) focusText();
  if (isEmpty() || !state.model) return;
  refreshCode();
  const { model } = state;
  const { path, body } = readRequest(model);
  const text = body.inputs.text ?? body.inputs;
  const asked = ++state.asked;
  showAsking();
  try {
    const answered = await post(path, body);
    if (asked !== state.asked) return;
    conclude(() => showAnswer({ ...answered, text, model }));
    if (answered.answer.version !== model.version) await refreshModels(); // another one was swapped in
  } catch (error) {
    if (asked === state.asked) conclude(() => showProblem(error, openKeyDialog));
  }
}

function conclude(outcome) {
  state.asked += 1;
  state.outcome = outcome;
  outcome();
}

function showAll() {
  translatePage();
  showKeyButton();
  showPicker(state.models, state.model);
  showFacts(state.model, state.models);
  if (state.model) {
    showForm(state.model, state.fields, run);
    showCode(readRequest(state.model));
  }
  state.outcome();
  showLive();
}

function refreshCode() {
  if (state.model) showCode(readRequest(state.model));
}

function switchTheme() {
  const root = document.documentElement;
  const isDark = getComputedStyle(root).colorScheme === "dark" || matchesDark(root);
  root.dataset.theme = isDark ? "light" : "dark";
}

const matchesDark = (root) => !root.dataset.theme && matchMedia("(prefers-color-scheme: dark)").matches;

function start() {
  translatePage();
  onChoice((name) => {
    choose(name);
    conclude(showNothing);
  });
  byId("ask").addEventListener("input", refreshCode);
  byId("ask").addEventListener("submit", (event) => {
    event.preventDefault();
    run();
  });
  byId("ask").addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault(); // in a line of its own Enter submits the form too
    run();
  });
  byId("options").addEventListener("change", () => state.outcome !== showNothing && run());
  byId("theme-button").addEventListener("click", switchTheme);
  byId("language-button").addEventListener("click", () => {
    switchLanguage();
    showAll();
  });
  startKey(loadModels);
  state.outcome();
  startLive();
  loadModels();
}

start();
