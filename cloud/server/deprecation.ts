import type { Call } from '#shared/contract/contract.ts';

type Going = Pick<Call, 'deprecated'>;

/** How long whoever uses a call has at least to change over, in months. */
const NOTICE_MONTHS = 6;

/**
 * Says of a call that it goes away: since when it should not be used (RFC 9745), when it stops working (RFC 8594), and where
 * to read what takes its place. Empty for a call that stays.
 */
export function deprecationHeaders({ deprecated }: Going): Record<string, string> {
  if (!deprecated) return {};
  const { since, until, instead } = deprecated;
  const link = `</v1/docs${instead === undefined ? '' : `#${instead}`}>; rel="deprecation"; type="text/html"`;
  return {
    Deprecation: `@${Math.floor(Date.parse(since) / 1_000)}`,
    ...(until === undefined ? {} : { Sunset: new Date(until).toUTCString() }),
    Link: link,
  };
}

/** Holds a call to what is promised of those that go. @throws Error, so that a server with such a call does not start */
export function checkDeprecation(name: string, { deprecated }: Going): void {
  if (!deprecated) return;
  const since = dayOf(name, deprecated.since);
  if (deprecated.until === undefined) return;
  const earliest = new Date(since);
  earliest.setUTCMonth(earliest.getUTCMonth() + NOTICE_MONTHS);
  if (dayOf(name, deprecated.until) >= earliest) return;
  throw new Error(
    `${name} would go on ${deprecated.until}, less than ${NOTICE_MONTHS} months after ${deprecated.since}, when that was said.`,
  );
}

function dayOf(name: string, day: string): Date {
  const date = new Date(`${day}T00:00:00Z`);
  if (/^\d{4}-\d\d-\d\d$/.test(day) && !Number.isNaN(date.getTime())) return date;
  throw new Error(`${name} goes on a day that is none: ${day}.`);
}
