import type { Json, JsonObject } from '#shared/json.ts';

/** Steps of the chain, and items of the list workloads. */
export const CHAIN_STEPS = 100;
export const LIST_ITEMS = 1_000;

export type Line = { id: number; name: string; price: number; quantity: number };

/** What each workload does, written by hand: the same work for node:http and for Express, by the path it is called at. */
export const WORK: Record<string, (body: Json) => Json> = {
  w0: () => ({ ok: true }),
  w1(body): Json {
    const { n, name } = body as { n: number; name: string };
    const item = { n, greeting: `Hello ${name}` };
    return item.n > 10 ? { size: 'large', greeting: item.greeting } : { size: 'small', n: item.n };
  },
  w2(body) {
    let item: JsonObject = { body };
    for (const fields of CHAIN) item = { ...item, ...fields };
    return { last: item.last as Json };
  },
  w3: (body) => totals(body as Line[]),
  w3b: (body) => totals(body as Line[]),
  w4(body) {
    const seen: JsonObject[] = [];
    for (const line of body as Line[]) seen.push({ ...line, seen: true });
    return seen;
  },
};

/** One object of fields per step of the chain. */
const CHAIN = Array.from({ length: CHAIN_STEPS }, (_, index) => ({ last: index + 1 }));

function totals(lines: Line[]): Json {
  return lines.map(({ id, name, price, quantity }) => ({ id, name, total: price * quantity }));
}
