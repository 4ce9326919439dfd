/** With this one picked, or not any more. */
export function togglePick(picked: ReadonlySet<string>, id: string): Set<string> {
  const next = new Set(picked);
  if (!next.delete(id)) next.add(id);
  return next;
}

/** With all from one to the other, in the order of the list; without a beginning only the other. */
export function pickRange(
  ids: readonly string[],
  picked: ReadonlySet<string>,
  from: string | undefined,
  to: string,
): Set<string> {
  const end = ids.indexOf(to);
  const begin = from === undefined ? end : ids.indexOf(from);
  if (end === -1) return new Set(picked);
  const first = begin === -1 ? end : begin;
  return new Set([...picked, ...ids.slice(Math.min(first, end), Math.max(first, end) + 1)]);
}

/** The run beside one in the list, or the one at its end. */
export function beside(ids: readonly string[], id: string | undefined, by: number): string | undefined {
  const at = id === undefined ? -1 : ids.indexOf(id);
  return ids[at === -1 ? 0 : Math.min(ids.length - 1, Math.max(0, at + by))];
}

/** When an id of version 7 was made, as an ISO time; ids of runs are. */
export function timeOfId(id: string): string {
  return new Date(Number.parseInt(id.replaceAll('-', '').slice(0, 12), 16)).toISOString();
}
