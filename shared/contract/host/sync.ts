import { z } from 'zod';
import { Time, Uuid } from '../../ids.ts';
import type { Group } from '../contract.ts';
import { PageInput, page } from '../page.ts';
import { ofProject, ProjectInfo, SyncState } from './common.ts';

export const sync = {
  /** Binds a project to a workspace and sends it there for the first time. */
  bind: { input: z.strictObject({ ...ofProject, workspaceId: Uuid }), output: SyncState },
  now: { input: z.strictObject(ofProject), output: SyncState },
  /** The projects of a workspace, with the folder of those that this computer has. */
  remote: {
    input: z.strictObject({ workspaceId: Uuid, ...PageInput }),
    output: page(
      z.strictObject({ id: Uuid, name: z.string(), revision: z.int(), updatedAt: Time, dir: z.string().optional() }),
    ),
  },
  /**
   * Brings a project of a workspace to this computer, into a folder of its own. It is untrusted, like all that others made.
   * @throws SluiceError project.exists where this computer has it, file.exists where the folder holds something
   */
  clone: {
    input: z.strictObject({ workspaceId: Uuid, projectId: Uuid, dir: z.string().optional() }),
    output: ProjectInfo,
  },
} as const satisfies Group;
