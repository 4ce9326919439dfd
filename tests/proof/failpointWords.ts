import type { Tree } from '#shared/workflow/tree.ts';
import type { Arm } from './armedFailpoint.ts';

/** The workflow that ends at once, with an answer. */
export const QUICK_ID = '0199f2c4-6a02-7c11-8b7e-2d9f4c5e6a02';

/** What the proof tells this process, one line each. */
export type Order =
  | { open: { dir: string; projectId: string; workflowId: string; tree: Tree; leaseMs: number } }
  | { arm?: Arm; runs: number }
  | { finish: true }
  | { stop: true };
/** What it says. */
export type Word = { ready: true } | { started: string } | { at: string } | { finished: true };
