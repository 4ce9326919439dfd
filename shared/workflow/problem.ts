import { z } from 'zod';

/** Something in a project's files that a person should look at, with the place where to look. */
export const Problem = z.strictObject({
  /** Path below the project's folder. */
  file: z.string(),
  /** From 1. */
  line: z.int().min(1),
  /** From 1, in UTF-16 units. */
  column: z.int().min(1),
  /** An error blocks running and publishing, never saving. */
  severity: z.enum(['error', 'warning']),
  code: z.string(),
  workflowId: z.string().optional(),
  stepId: z.string().optional(),
  /** The field of the step or file, with dots: `config.batch`. */
  field: z.string().optional(),
  message: z.string(),
  advice: z.string(),
});
export type Problem = z.infer<typeof Problem>;
