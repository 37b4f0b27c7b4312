// Says everything in the reader's language.

import { WORDS } from "./words.js";

let language = (navigator.language ?? "en").toLowerCase().startsWith("zh") ? "zh" : "en";

/** The words of a key; `{name}` in them is replaced by the value of that name. */
export function t(key, values = {}) {
  return WORDS[language][key].replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

export function switchLanguage() {
  language = language === "en" ? "zh" : "en";
}

/** Fill whatever of the page names a key. */
export function translatePage() {
  document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
  for (const [attribute, set] of Object.entries(PLACES)) {
    for (const element of document.querySelectorAll(`[${attribute}]`)) {
      set(element, t(element.getAttribute(attribute)));
    }
  }
}

const PLACES = {
  "data-t": (element, words) => (element.textContent = words),
  "data-t-label": (element, words) => element.setAttribute("aria-label", words),
  "data-t-placeholder": (element, words) => element.setAttribute("placeholder", words),
};

/** A number for people: at most so many digits behind the point. */
export function number(value, digits = 0) {
  return value.toLocaleString(language, { maximumFractionDigits: digits });
}

export function percent(value, digits = 1) {
  const format = { style: "percent", minimumFractionDigits: digits, maximumFractionDigits: digits };
  return value.toLocaleString(language, format);
}

export function milliseconds(value) {
  const digits = value < 10 ? 2 : value < 100 ? 1 : 0;
  const format = { minimumFractionDigits: digits, maximumFractionDigits: digits };
  return `${value.toLocaleString(language, format)} ms`;
}
