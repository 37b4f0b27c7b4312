// The request in the form as code, to copy.

import { address, hasKey } from "../lib/api.js";
import { byId, h, show } from "../lib/dom.js";
import { t } from "../lib/language.js";
import { curl, javascript, python } from "../lib/snippets.js";

const LANGUAGES = { curl, Python: python, JavaScript: javascript };
const NAMES = Object.keys(LANGUAGES);
let chosen = NAMES[0];

export function showCode({ path, body }) {
  const code = LANGUAGES[chosen](address(path), body, hasKey());
  const shown = h("pre", { id: "snippet", role: "tabpanel", tabindex: "0", "aria-labelledby": `tab-${chosen}` }, code);
  const copy = h("button", { type: "button", class: "quiet copy", onclick: () => copyCode(copy, shown) }, t("copy"));
  const choose = (name) => {
    chosen = name;
    showCode({ path, body });
    byId(`tab-${name}`).focus();
  };
  const tabs = h("div", { class: "tabs", role: "tablist", "aria-labelledby": "code-title" }, ...NAMES.map((name) => tab(name, choose)));
  show(byId("code"), h("div", { class: "code-top" }, tabs, copy), shown);
}

function tab(name, choose) {
  const isChosen = name === chosen;
  const attributes = {
    "aria-selected": String(isChosen),
    "aria-controls": "snippet",
    tabindex: isChosen ? "0" : "-1",
    onclick: () => choose(name),
    onkeydown: (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (step) choose(NAMES.at((NAMES.indexOf(name) + step) % NAMES.length));
    },
  };
  return h("button", { type: "button", role: "tab", id: `tab-${name}`, class: "tab", ...attributes }, name);
}

async function copyCode(button, shown) {
  try {
    await navigator.clipboard.writeText(shown.textContent);
    button.textContent = t("copied");
  } catch {
    // Browsers keep the clipboard from pages that came over plain HTTP from another machine.
    getSelection().selectAllChildren(shown);
    button.textContent = t("copy_failed");
  }
}
