// Reads what /metrics says: the text format of Prometheus.

const LINE = /^([\w:]+)(?:\{(.*)\})? (\S+)/;
const LABEL = /(\w+)="((?:[^"\\]|\\.)*)"/g;
const ESCAPED = { n: "\n", "\\": "\\", '"': '"' };

/** The samples: `{name, labels, value}`. */
export function parse(text) {
  const samples = [];
  for (const line of text.split("\n")) {
    const found = line.startsWith("#") ? null : LINE.exec(line);
    if (found) samples.push({ name: found[1], labels: labelsOf(found[2]), value: number(found[3]) });
  }
  return samples;
}

/** Estimate a quantile; `buckets` are `[upper bound, count up to it]`, null if nothing is counted. */
export function quantile(share, buckets) {
  const sorted = [...buckets].sort((one, other) => one[0] - other[0]);
  const total = sorted.at(-1)?.[1] ?? 0;
  if (total <= 0) return null;
  const rank = share * total;
  let [lower, below] = [0, 0];
  for (const [upper, count] of sorted) {
    if (count >= rank) {
      if (upper === Infinity) return lower;
      return lower + ((upper - lower) * (rank - below)) / (count - below || 1);
    }
    [lower, below] = [upper, count];
  }
  return lower;
}

const number = (text) => (text === "+Inf" ? Infinity : Number(text));

function labelsOf(text = "") {
  const unescape = (value) => value.replace(/\\(.)/g, (_, character) => ESCAPED[character] ?? character);
  return Object.fromEntries(Array.from(text.matchAll(LABEL), ([, name, value]) => [name, unescape(value)]));
}
