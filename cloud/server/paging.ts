import { z } from 'zod';
import { parse } from '#shared/parse.ts';

/** The id a page goes on from. @throws SluiceError request.invalid where somebody made the cursor up */
export function idCursor(cursor: string | undefined): string | undefined {
  return cursor === undefined ? undefined : parse(z.uuid(), cursor, 'The cursor');
}

/** A page of rows in order of their ids, read with one row more than `limit`. */
export function toPage<T extends { id: string }>(rows: T[], limit: number): { data: T[]; nextCursor?: string } {
  const data = rows.slice(0, limit);
  const last = data.at(-1);
  return rows.length > limit && last ? { data, nextCursor: last.id } : { data };
}
