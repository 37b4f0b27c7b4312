// The choice of a model.

import { byId, h, show } from "../lib/dom.js";
import { t } from "../lib/language.js";

const picker = byId("model");

export function showPicker(models, chosen) {
  const options = models.map((model) => {
    const serves = model.status === "serving";
    const words = serves ? model.name : `${model.name} (${t("fails")})`;
    return h("option", { value: model.name, disabled: !serves }, words);
  });
  show(picker, options.length ? options : h("option", {}, t("models_none")));
  picker.disabled = !chosen;
  if (chosen) picker.value = chosen.name;
}

export function onChoice(act) {
  picker.addEventListener("change", () => act(picker.value));
}
