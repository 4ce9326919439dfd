import { z } from 'zod';
import { User, Workspace } from '../cloud/common.ts';
import type { Group } from '../contract.ts';
import { Done, Empty } from './common.ts';

export const AccountState = z.strictObject({
  cloudUrl: z.string(),
  status: z.enum(['signed_out', 'signing_in', 'signed_in', 'expired', 'unreachable']),
  user: User.optional(),
  workspaces: z.array(Workspace),
  /** Where tokens are kept: the keychain, a protected file, this process only, or a cookie of the browser. */
  vault: z.enum(['keychain', 'file', 'memory', 'browser']),
});
export type AccountState = z.infer<typeof AccountState>;

export const account = {
  state: { input: Empty, output: AccountState },
  /** Starts the sign-in in the system browser and gives its address; `account.changed` tells how it ended. */
  signIn: { input: Empty, output: z.strictObject({ url: z.url(), opened: z.boolean() }) },
  cancelSignIn: { input: Empty, output: Done },
  signOut: { input: Empty, output: Done },
} as const satisfies Group;
