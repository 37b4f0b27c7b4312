// The service counts Unicode code points, strings here are UTF-16: one emoji is two of its units.

/** The UTF-16 index of every code point, and of the end. */
export function codePointIndexes(text) {
  const indexes = [0];
  let index = 0;
  for (const character of text) {
    index += character.length;
    indexes.push(index);
  }
  return indexes;
}

/** Cut a text into pieces, in order: `{text, entity}`, where entity is null between entities. */
export function cut(text, entities) {
  const indexes = codePointIndexes(text);
  const pieces = [];
  let at = 0;
  for (const entity of [...entities].sort((one, other) => one.start - other.start)) {
    if (entity.start < at) continue; // inside one that is marked already
    pieces.push({ text: text.slice(indexes[at], indexes[entity.start]), entity: null });
    pieces.push({ text: text.slice(indexes[entity.start], indexes[entity.end]), entity });
    at = entity.end;
  }
  pieces.push({ text: text.slice(indexes[at]), entity: null });
  return pieces.filter((piece) => piece.text);
}
