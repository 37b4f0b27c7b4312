// What went wrong, as the service says it: title, detail, and what to do.

import { ProblemError } from "../lib/api.js";
import { byId, h, show } from "../lib/dom.js";
import { t } from "../lib/language.js";

export function showProblem(error, onKeyWanted) {
  const { problem, retryAfter } = error instanceof ProblemError ? error : unforeseen(error);
  byId("answer-card").removeAttribute("aria-busy");
  byId("announcement").textContent = "";
  const isSilent = problem.status === 0;
  const title = isSilent ? t("problem_silent") : problem.title;
  const said = isSilent ? t("problem_silent_text") : (problem.detail ?? "");
  const [detail, remedy] = parted(said);
  const fields = (problem.errors ?? []).filter(({ problem: found }) => !said.includes(found));
  const wantsKey = problem.status === 401;
  const enterKey = wantsKey && h("button", { type: "button", class: "primary", onclick: onKeyWanted }, t("key_enter"));
  show(
    byId("answer"),
    h(
      "div",
      { class: "problem", role: "alert" },
      h("p", { class: "problem-title" }, title, problem.status > 0 && h("span", { class: "figure" }, problem.status)),
      h("p", {}, detail),
      fields.length > 0 && h("ul", {}, ...fields.map(({ field, problem: found }) => h("li", {}, `${field}: ${found}`))),
      remedy && h("p", { class: "remedy" }, remedy),
      retryAfter && h("p", { class: "remedy" }, t("problem_retry", { seconds: retryAfter })),
      enterKey,
      problem.request_id && h("p", { class: "problem-id" }, t("problem_id", { id: problem.request_id })),
    ),
  );
}

/** What the service finds wrong stands before the semicolon, what to do about it behind. */
function parted(detail) {
  const at = detail.indexOf("; ");
  return at < 0 ? [detail, ""] : [detail.slice(0, at), detail.slice(at + 2)];
}

const unforeseen = (error) => ({ problem: { title: t("problem_page"), detail: String(error) } });
