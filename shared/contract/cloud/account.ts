import { z } from 'zod';
import { Time } from '../../ids.ts';
import type { HttpGroup } from '../contract.ts';
import { Done } from './common.ts';

/** A person's account as a whole. Its export is a file: `GET /v1/account/export`. */
export const account = {
  /**
   * Signs out everywhere. Workspaces that nobody else belongs to are deleted. A letter has a link that takes it all back
   * for 30 days; then the person is erased.
   */
  delete: {
    route: 'POST /v1/account/delete',
    access: 'session',
    rate: 'reset',
    input: z.strictObject({
      /** One's own e-mail address, so that nobody does it by mistake. */
      confirm: z.string().max(254),
      /** Asked for where the account has one. */
      password: z.string().max(200).optional(),
    }),
    output: z.strictObject({ eraseAfter: Time }),
  },
  restore: {
    route: 'POST /v1/account/restore',
    access: 'public',
    rate: 'sign_in',
    input: z.strictObject({ token: z.string().max(200) }),
    output: Done,
  },
} as const satisfies HttpGroup;
