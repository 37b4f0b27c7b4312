// Where an API key is entered; the field forgets it as soon as it is taken.

import { hasKey, useKey } from "../lib/api.js";
import { byId } from "../lib/dom.js";
import { t } from "../lib/language.js";

const [dialog, field, button] = ["key-dialog", "key", "key-button"].map(byId);

export function openKeyDialog() {
  dialog.showModal();
  field.focus();
}

export function showKeyButton() {
  button.textContent = t(hasKey() ? "key_set" : "key");
}

export function startKey(onKey) {
  button.addEventListener("click", openKeyDialog);
  byId("key-cancel").addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => (field.value = ""));
  byId("key-form").addEventListener("submit", (event) => {
    event.preventDefault();
    useKey(field.value);
    dialog.close();
    showKeyButton();
    onKey();
  });
}
