import { z } from 'zod';
import type { HttpGroup } from '../contract.ts';
import { Done, Empty } from './common.ts';

const Password = z.string().max(200);
/** Six digits of the authenticator app, or a recovery code. */
const Code = z.string().max(40);
const RecoveryCodes = z.strictObject({ recoveryCodes: z.array(z.string()) });

/** A code by time (RFC 6238) that signing in asks for beside the password. */
export const secondFactor = {
  status: {
    route: 'GET /v1/second-factor',
    access: 'session',
    rate: 'read',
    input: Empty,
    output: z.strictObject({ on: z.boolean(), recoveryCodesLeft: z.int() }),
  },
  /** A secret for an authenticator app. Signing in does not ask for it before it is confirmed. */
  enrol: {
    route: 'POST /v1/second-factor/enrol',
    access: 'session',
    rate: 'sign_in',
    input: z.strictObject({ password: Password }),
    output: z.strictObject({
      /** In base32, for typing. */
      secret: z.string(),
      /** `otpauth://`, for a picture or a link. */
      uri: z.string(),
    }),
  },
  /** Turns it on with a first code. The recovery codes are shown this once. */
  confirm: {
    route: 'POST /v1/second-factor/confirm',
    access: 'session',
    rate: 'sign_in',
    input: z.strictObject({ code: Code }),
    output: RecoveryCodes,
  },
  /** New recovery codes; the ones before are worth nothing from now on. */
  renewCodes: {
    route: 'POST /v1/second-factor/recovery-codes',
    access: 'session',
    rate: 'sign_in',
    input: z.strictObject({ password: Password, code: Code }),
    output: RecoveryCodes,
  },
  disable: {
    route: 'POST /v1/second-factor/disable',
    access: 'session',
    rate: 'sign_in',
    input: z.strictObject({ password: Password, code: Code }),
    output: Done,
  },
} as const satisfies HttpGroup;
