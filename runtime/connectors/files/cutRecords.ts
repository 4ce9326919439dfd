const QUOTE = 0x22;
const LF = 0x0a;
const CR = 0x0d;

/**
 * Finds whole records at the beginning of a piece of a file: lines, or rows of CSV, in whose quotes lines may end. It looks
 * at bytes, since a piece may end within a character: in none of the encodings is a quote or the end of a line part of
 * another character.
 *
 * @param wide two bytes make a character (UTF-16)
 * @param last nothing comes behind the piece: what is left at its end is a record too
 * @returns where the last record ends, how many there are, and how many lines they have
 */
export function cutRecords(
  bytes: Uint8Array,
  { most, last, isCsv, wide }: { most: number; last: boolean; isCsv: boolean; wide: boolean },
): { end: number; records: number; lines: number } {
  const width = wide ? 2 : 1;
  const unit = (at: number) =>
    wide ? (bytes[at] as number) | ((bytes[at + 1] as number) << 8) : (bytes[at] as number);
  let quoted = false;
  let lines = 0;
  let found = { end: 0, records: 0, lines: 0 };
  const units = bytes.length - (bytes.length % width);
  for (let at = 0; at < units && found.records < most; at += width) {
    const one = unit(at);
    if (one === QUOTE && isCsv) quoted = !quoted;
    else if (one === LF || (one === CR && isCsv && at + width < units && unit(at + width) !== LF)) {
      lines++;
      if (!quoted) found = { end: at + width, records: found.records + 1, lines };
    }
  }
  if (!last || found.records >= most || found.end >= bytes.length) return found;
  return { end: bytes.length, records: found.records + 1, lines: lines + 1 };
}
