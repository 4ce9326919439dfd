import { z } from 'zod';
import type { HttpGroup } from '../contract.ts';
import { Done, Empty, User, Workspace } from './common.ts';

const Email = z.string().trim().toLowerCase().pipe(z.email().max(254));
const Password = z.string().min(8, 'needs at least 8 characters').max(200);

export const Tokens = z.strictObject({
  accessToken: z.string(),
  /** Of the access token, in seconds. */
  expiresIn: z.int(),
  refreshToken: z.string(),
});
export type Tokens = z.infer<typeof Tokens>;

export const DeviceAuthorization = z.strictObject({
  /** For the program, which asks `token` with it until somebody has decided. */
  deviceCode: z.string(),
  /** For the person, and for nobody else. */
  userCode: z.string(),
  verificationUri: z.url(),
  /** In seconds, as is `interval`: how long to wait between two questions. */
  expiresIn: z.int(),
  interval: z.int(),
});
export type DeviceAuthorization = z.infer<typeof DeviceAuthorization>;

export const auth = {
  register: {
    route: 'POST /v1/auth/register',
    access: 'public',
    rate: 'sign_up',
    input: z.strictObject({ email: Email, password: Password, name: z.string().trim().min(1).max(120) }),
    output: Done,
  },
  verifyEmail: {
    route: 'POST /v1/auth/verify-email',
    access: 'public',
    rate: 'sign_in',
    input: z.strictObject({ token: z.string().max(200) }),
    output: Done,
  },
  /** Password sign-in for a program with its own form. The desktop and the command line use the browser instead. */
  signIn: {
    route: 'POST /v1/auth/sign-in',
    access: 'public',
    rate: 'sign_in',
    input: z.strictObject({
      email: Email,
      password: z.string().max(200),
      /** Of the second factor, or a recovery code, where the account asks for one (`sign_in.second_factor`). */
      code: z.string().max(40).optional(),
      deviceName: z.string().max(120).default('API'),
    }),
    output: Tokens,
  },
  /** Ends the sign-in of a desktop (RFC 8252, PKCE S256) or of a program without a browser (RFC 8628), and renews tokens. */
  token: {
    route: 'POST /v1/auth/token',
    access: 'public',
    rate: 'sign_in',
    input: z.discriminatedUnion('grantType', [
      z.strictObject({
        grantType: z.literal('authorization_code'),
        code: z.string().max(200),
        codeVerifier: z.string().min(43).max(128),
        redirectUri: z.url(),
        deviceName: z.string().max(120),
      }),
      z.strictObject({ grantType: z.literal('refresh_token'), refreshToken: z.string().max(200) }),
      z.strictObject({ grantType: z.literal('device_code'), deviceCode: z.string().max(200) }),
    ]),
    output: Tokens,
  },
  /** Begins the sign-in of a program without a browser (RFC 8628): a person enters `userCode` at `verificationUri`. */
  authorizeDevice: {
    route: 'POST /v1/auth/device',
    access: 'public',
    rate: 'sign_in',
    input: z.strictObject({ deviceName: z.string().trim().max(120).default('') }),
    output: DeviceAuthorization,
  },
  /** Sends a link to the address, where it has an account; the answer is the same where it has none. */
  forgotPassword: {
    route: 'POST /v1/auth/forgot-password',
    access: 'public',
    rate: 'reset',
    input: z.strictObject({ email: Email }),
    output: Done,
  },
  /** Sets a new password with the token of such a link, and ends every sign-in of the account. */
  resetPassword: {
    route: 'POST /v1/auth/reset-password',
    access: 'public',
    rate: 'sign_in',
    input: z.strictObject({ token: z.string().max(200), password: Password }),
    output: Done,
  },
  /** Every other sign-in of the account ends. */
  changePassword: {
    route: 'POST /v1/auth/change-password',
    access: 'session',
    rate: 'sign_in',
    input: z.strictObject({ currentPassword: z.string().max(200), newPassword: Password }),
    output: Done,
  },
  signOut: { route: 'POST /v1/auth/sign-out', access: 'session', rate: 'write', input: Empty, output: Done },
  whoami: {
    route: 'GET /v1/auth/whoami',
    access: 'session',
    rate: 'read',
    input: Empty,
    output: z.strictObject({ user: User, workspaces: z.array(Workspace) }),
  },
} as const satisfies HttpGroup;
