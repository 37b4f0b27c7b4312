// Writes the request in the form down as code that runs as it is.

export const PLACEHOLDER = "YOUR_API_KEY";

// Unseen, or turning what is seen around: a reader should see what will be sent.
const UNSEEN = /[\u007f-\u009f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

export function curl(url, body, withKey) {
  const headers = ["Content-Type: application/json", ...(withKey ? [bearer()] : [])];
  const words = [`curl -s ${shell(url)}`, ...headers.map((header) => `-H ${shell(header)}`)];
  return [...words, `-d ${shell(literal(body))}`].join(" \\\n    ");
}

export function python(url, body, withKey) {
  return [
    "import requests",
    "",
    "response = requests.post(",
    `    ${literal(url)},`,
    ...(withKey ? [`    headers=${literal({ Authorization: `Bearer ${PLACEHOLDER}` })},`] : []),
    `    json=${literal(body)},`,
    "    timeout=30,",
    ")",
    "response.raise_for_status()",
    "print(response.json())",
  ].join("\n");
}

export function javascript(url, body, withKey) {
  const key = withKey ? { Authorization: `Bearer ${PLACEHOLDER}` } : {};
  return [
    `const response = await fetch(${literal(url)}, {`,
    '  method: "POST",',
    `  headers: ${literal({ "Content-Type": "application/json", ...key })},`,
    `  body: JSON.stringify(${literal(body)}),`,
    "});",
    "console.log(await response.json());",
  ].join("\n");
}

const bearer = () => `Authorization: Bearer ${PLACEHOLDER}`;

/** A word of a shell: in single quotes nothing has a meaning but the quote itself. */
function shell(word) {
  return /^[\w:/.@%+=,-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** Objects of texts and numbers read the same in JSON, Python and JavaScript. */
function literal(value) {
  if (typeof value === "string") return JSON.stringify(value).replace(UNSEEN, escape);
  if (typeof value !== "object") return JSON.stringify(value);
  const fields = Object.entries(value).map(([name, field]) => `${literal(name)}: ${literal(field)}`);
  return `{${fields.join(", ")}}`;
}

const escape = (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
