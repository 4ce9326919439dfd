/** Milliseconds since 1970 as RFC 3339 in UTC, as every record and event has it. */
export function toTime(ms: number): string {
  return new Date(ms).toISOString();
}

/** RFC 3339 as milliseconds since 1970. The text was checked where it entered. */
export function fromTime(text: string): number {
  return Date.parse(text);
}
