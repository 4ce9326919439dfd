import { z } from 'zod';
import { ScriptPath, Slug, StepId } from '../../ids.ts';
import { Conflict } from '../../merge/conflict.ts';
import { Op } from '../../merge/ops.ts';
import { Edit } from '../../workflow/edit.ts';
import { Problem } from '../../workflow/problem.ts';
import { Item, Tree } from '../../workflow/tree.ts';
import type { Group } from '../contract.ts';
import { ofProject, ofWorkflow } from './common.ts';
import { HistoryWhere } from './history.ts';
import { Change } from './publish.ts';

const UndoAnswer = z.strictObject({
  /** False: there was nothing to do. */
  done: z.boolean(),
  revision: z.int(),
  left: z.array(Conflict),
  canUndo: z.boolean(),
  canRedo: z.boolean(),
});

export const documents = {
  /** Replays edits on the host's tree and commits them here; answers once they are durable. */
  edit: {
    input: z.strictObject({ ...ofProject, edits: z.array(Edit).min(1).max(500) }),
    output: z.strictObject({ revision: z.int() }),
  },
  /** Applies operations, as undo and redo do. @throws project.rebase_required when what they undo has changed since */
  patch: {
    input: z.strictObject({ ...ofProject, ops: z.array(Op).min(1).max(5_000) }),
    output: z.strictObject({ revision: z.int() }),
  },
  /**
   * Takes back one's own last change, also one made before a restart, and nothing that others did since. `left`: places
   * that were changed since and stay as they are.
   */
  undo: { input: z.strictObject(ofProject), output: UndoAnswer },
  redo: { input: z.strictObject(ofProject), output: UndoAnswer },
  /** What the project has that another state of it has not, for the diff side by side. */
  changes: {
    input: z.strictObject({
      ...ofProject,
      /** What both sides agreed on last; what runs in an environment; or a point of the history. */
      against: z.union([
        z.strictObject({ kind: z.literal('head') }),
        z.strictObject({ kind: z.literal('deployed'), environment: Slug }),
        z.strictObject({ kind: z.literal('revision'), where: HistoryWhere, revision: z.int().min(0) }),
      ]),
    }),
    /** `before` is that state; `ops` lead from it to the project as it is. */
    output: z.strictObject({ before: Tree, ops: z.array(Op), changes: z.array(Change) }),
  },
  /** The text of a workflow's YAML file. */
  text: { input: z.strictObject(ofWorkflow), output: z.strictObject({ file: z.string(), text: z.string() }) },
  /** Takes an edited text. Problems that keep it from being read are returned and nothing changes. */
  setText: {
    input: z.strictObject({ ...ofWorkflow, text: z.string().max(1_048_576) }),
    output: z.strictObject({ accepted: z.boolean(), revision: z.int(), problems: z.array(Problem) }),
  },
  setScript: {
    input: z.strictObject({ ...ofProject, path: ScriptPath, text: z.string().max(500_000) }),
    output: z.strictObject({ revision: z.int() }),
  },
  /** The pinned items of a step. */
  pin: { input: z.strictObject({ ...ofWorkflow, stepId: StepId }), output: z.strictObject({ items: z.array(Item) }) },
  setPin: {
    input: z.strictObject({ ...ofWorkflow, stepId: StepId, items: z.array(Item).max(1_000).optional() }),
    output: z.strictObject({ revision: z.int() }),
  },
} as const satisfies Group;
