import type { Call } from '#shared/contract/contract.ts';

/**
 * Says of a call that it goes away: since when it should not be used (RFC 9745), when it stops working (RFC 8594), and where
 * to read what takes its place. Empty for a call that stays.
 */
export function deprecationHeaders({ deprecated }: Pick<Call, 'deprecated'>): Record<string, string> {
  if (!deprecated) return {};
  const { since, until, instead } = deprecated;
  const link = `</v1/docs${instead === undefined ? '' : `#${instead}`}>; rel="deprecation"; type="text/html"`;
  return {
    Deprecation: `@${Math.floor(Date.parse(since) / 1_000)}`,
    ...(until === undefined ? {} : { Sunset: new Date(until).toUTCString() }),
    Link: link,
  };
}
