import { z } from 'zod';

/** How lists are asked for: 20 at a time, at most 100, onward by cursor. */
export const PageInput = {
  limit: z.coerce.number().int().min(1).max(100).default(20),
  cursor: z.string().max(500).optional(),
};

/** How lists answer. No `nextCursor`: that was the end. */
export function page<T extends z.ZodType>(entry: T) {
  return z.strictObject({ data: z.array(entry), nextCursor: z.string().optional() });
}
