// Asks the service. The key is kept here, in memory, and goes nowhere but into the header.

let key = "";

export const hasKey = () => key !== "";

export function useKey(value) {
  key = value.trim();
}

/** What the service, or the way to it, has against a request; `problem` is as RFC 9457 has it. */
export class ProblemError extends Error {
  constructor(problem, retryAfter) {
    super(problem.title);
    this.problem = problem;
    this.retryAfter = retryAfter;
  }
}

/** The address of a path of the service, wherever a proxy has put the page. */
export const address = (path) => new URL(path, document.baseURI).href;

export async function fetchModels() {
  return (await ask("v1/models")).answer.models;
}

/** What the fields of a request may be, by the service's own description. */
export async function fetchFields() {
  const { answer } = await ask("openapi.json");
  return answer.components?.schemas?.ClassifyRequest?.properties ?? {};
}

export async function fetchMetrics() {
  const response = await request("metrics", { headers: headers() });
  return response.text();
}

/** Post a body: `{answer, timing, milliseconds}`, timing being the header Server-Timing. */
export function post(path, body) {
  return ask(path, { method: "POST", body: JSON.stringify(body) });
}

async function ask(path, options = {}) {
  const started = performance.now();
  const response = await request(path, { ...options, headers: headers() });
  const answer = await response.json();
  const milliseconds = performance.now() - started;
  return { answer, timing: response.headers.get("server-timing") ?? "", milliseconds };
}

async function request(path, options) {
  const asked = new Request(address(path), { cache: "no-store", ...options });
  let response;
  try {
    response = await fetch(asked);
  } catch {
    throw new ProblemError({ title: null, status: 0 });
  }
  if (!response.ok) throw await problemOf(response);
  return response;
}

async function problemOf(response) {
  const text = await response.text();
  let problem = {};
  try {
    problem = JSON.parse(text);
  } catch {
    problem = { detail: text.slice(0, 400) }; // of a proxy in between
  }
  const title = problem.title ?? (response.statusText || "HTTP");
  const retryAfter = response.headers.get("retry-after");
  return new ProblemError({ ...problem, title, status: response.status }, retryAfter);
}

function headers() {
  const sent = { "Content-Type": "application/json" };
  return key ? { ...sent, Authorization: `Bearer ${key}` } : sent;
}
