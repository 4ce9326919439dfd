import { z } from 'zod';
import { Slug, Uuid } from '../../ids.ts';
import { Problem } from '../../workflow/problem.ts';
import { Tree } from '../../workflow/tree.ts';
import type { Group } from '../contract.ts';
import { Done, Empty, ofProject, ProjectInfo } from './common.ts';
import { PendingDeletion, UnreadableFile } from './files.ts';

/** A project as the editor holds it. `revision` counts changes on this computer, not in the cloud. */
export const ProjectState = z.strictObject({
  info: ProjectInfo,
  revision: z.int(),
  tree: Tree,
  problems: z.array(Problem),
  /** Files that cannot be read now; they are not written until they parse. */
  unreadable: z.array(UnreadableFile),
  /** Files that vanished and wait for a word. */
  deletion: PendingDeletion.optional(),
  /** Whether there is something to undo and to redo, also after a restart. */
  canUndo: z.boolean().optional(),
  canRedo: z.boolean().optional(),
});
export type ProjectState = z.infer<typeof ProjectState>;

export const Template = z.strictObject({
  name: Slug,
  title: z.string(),
  description: z.string(),
  stepCount: z.int(),
  /** Step types along its main line, for the picture on its card. */
  uses: z.array(z.string()),
});
export type Template = z.infer<typeof Template>;

export const projects = {
  list: { input: Empty, output: z.array(ProjectInfo) },
  templates: { input: Empty, output: z.array(Template) },
  create: {
    input: z.strictObject({
      name: z.string().trim().min(1).max(120),
      template: Slug.optional(),
      dir: z.string().optional(),
      /** Where a project is made in the cloud; the first of the person's workspaces without it. */
      workspaceId: Uuid.optional(),
    }),
    output: ProjectInfo,
  },
  /** Adds a folder that exists. It is untrusted until somebody says otherwise. */
  openFolder: { input: z.strictObject({ dir: z.string() }), output: ProjectInfo },
  open: { input: z.strictObject(ofProject), output: ProjectState },
  close: { input: z.strictObject(ofProject), output: Done },
  trust: { input: z.strictObject(ofProject), output: ProjectInfo },
  /**
   * Makes a project of its own of what one is now, in a folder beside the others: for work that its workspace does not
   * take. It is in no workspace, its history begins anew, and the first one stays as it is.
   */
  copy: {
    input: z.strictObject({ ...ofProject, name: z.string().trim().min(1).max(120) }),
    output: ProjectInfo,
  },
  /** Takes it off the list; the folder stays. */
  forget: { input: z.strictObject(ofProject), output: Done },
} as const satisfies Group;
