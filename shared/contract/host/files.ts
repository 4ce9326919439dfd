import { z } from 'zod';
import { Time } from '../../ids.ts';
import type { Group } from '../contract.ts';
import { ofProject } from './common.ts';

/** A file that cannot be taken as it is. It counts as it last was, and is not written until it can be. */
export const UnreadableFile = z.strictObject({
  file: z.string(),
  line: z.int(),
  message: z.string(),
  /** It does not parse; it holds merge markers; it is not a regular text file; or it is gone. */
  why: z.enum(['syntax', 'markers', 'refused', 'gone']).optional(),
  /** What to do, in one sentence. */
  advice: z.string().optional(),
  /** Git holds both sides of it: `files.mergeMarked` puts them together by structure. */
  canMerge: z.boolean().optional(),
});
export type UnreadableFile = z.infer<typeof UnreadableFile>;

/** Files that were there and are not. Nothing of them is taken for deleted until somebody says so. */
export const PendingDeletion = z.strictObject({
  since: Time,
  /** It came with another branch of Git. Until the word is given nothing is sent to the workspace. */
  branch: z.strictObject({ from: z.string(), to: z.string() }).optional(),
  files: z.array(z.strictObject({ file: z.string(), title: z.string() })),
});
export type PendingDeletion = z.infer<typeof PendingDeletion>;

export const files = {
  /** The files that vanished were meant to go: what they held is deleted here, and everywhere with the next sync. */
  confirmDeletion: { input: z.strictObject(ofProject), output: z.strictObject({ revision: z.int() }) },
  /** They were not: they are written again as they last were. */
  restoreDeleted: { input: z.strictObject(ofProject), output: z.strictObject({ revision: z.int() }) },
  /**
   * Puts the two sides of a file with merge markers together by structure, from what Git has of them.
   * @throws SluiceError host.not_supported where Git does not know both sides
   */
  mergeMarked: {
    input: z.strictObject({ ...ofProject, file: z.string() }),
    output: z.strictObject({ revision: z.int(), conflicts: z.int() }),
  },
} as const satisfies Group;
