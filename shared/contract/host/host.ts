import { z } from 'zod';
import { Hash, Uuid } from '../../ids.ts';
import type { Group } from '../contract.ts';
import { Done, Empty } from './common.ts';

/** What a host may lack; the editor shows what is there. */
export const HostFeature = z.enum(['conflicts', 'history', 'undo', 'changes', 'deletions', 'presence', 'mergeMarked']);
export type HostFeature = z.infer<typeof HostFeature>;

export const Preferences = z.strictObject({
  theme: z.enum(['system', 'light', 'dark', 'hc']).default('system'),
  lastProjectId: Uuid.optional(),
  /** Sizes and switches of the editor, by name. */
  layout: z.record(z.string(), z.union([z.number(), z.string(), z.boolean()])).default({}),
});
export type Preferences = z.infer<typeof Preferences>;

export const host = {
  /** What this host is and can do; the editor shows what is there. */
  describe: {
    input: Empty,
    output: z.strictObject({
      version: z.string(),
      shell: z.enum(['electron', 'browser', 'web']),
      platform: z.enum(['linux', 'darwin', 'win32']),
      runtimeHash: Hash,
      cloudUrl: z.string(),
      can: z.strictObject({
        chooseFolder: z.boolean(),
        keychain: z.boolean(),
        openExternal: z.boolean(),
        /** Runs, folders of projects and secrets on a computer of the person's own; the cloud has none of them. */
        local: z.boolean().default(true),
      }),
      supports: z.array(HostFeature),
      /** Folder that new projects are made in. */
      projectsDir: z.string(),
    }),
  },
  /** Asks the person for a folder with the system's dialog. @throws host.not_supported in a browser */
  chooseFolder: { input: Empty, output: z.strictObject({ dir: z.string().optional() }) },
  /** Opens an https address, or one of the control plane, in the system browser. */
  openExternal: { input: z.strictObject({ url: z.url() }), output: Done },
  preferences: { input: Empty, output: Preferences },
  setPreferences: { input: Preferences, output: Done },
} as const satisfies Group;
