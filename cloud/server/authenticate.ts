import type { Request, Response } from 'express';
import type { Access } from '#shared/contract/contract.ts';
import { SluiceError } from '#shared/error.ts';
import type { Permission } from '#shared/permission.ts';
import type { Actor, Caller, SignedIn } from './actor.ts';
import { deny, ensure, mustHave } from './policy.ts';

/**
 * Who asks: for a permission a member of the workspace in `Sluice-Workspace`, else a caller.
 *
 * @throws SluiceError access.unauthenticated, workspace.not_found (also where the workspace is not one of theirs), access.denied
 */
export type Authenticator = (req: Request, res: Response, access: Access) => Promise<Caller | Actor>;

/** Looks up sessions and memberships; each answer may be at most 2 s old, so that revoking holds within 5 s. */
export type Identities = {
  sessionOf(accessToken: string): Promise<SignedIn | undefined>;
  membershipOf(userId: string, workspaceId: string): Promise<Pick<Actor, 'role' | 'permissions'> | undefined>;
  /** Who answers for an API key, and what it may do. Absent: no keys are taken. */
  keyOf?(key: string, ip: string): Promise<KeyHolder | undefined>;
};

export type KeyHolder = Omit<Actor, keyof Caller> & Required<Pick<Actor, 'apiKey'>>;

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** How an API key begins; a session's token begins otherwise. */
export const API_KEY = 'slk_';

export function createAuthenticator({ sessionOf, membershipOf, keyOf }: Identities): Authenticator {
  return async (req, res, access) => {
    const caller: Caller = {
      requestId: String(res.locals.requestId),
      ip: req.ip ?? '',
      userAgent: (req.get('user-agent') ?? '').slice(0, 300),
    };
    const [scheme, bearer] = (req.get('authorization') ?? '').split(' ');
    const token = scheme?.toLowerCase() === 'bearer' ? bearer : undefined;
    if (access === 'token') return token === undefined ? caller : { ...caller, bearer: token };
    if (access === 'public') return caller;

    if (!token) throw new SluiceError('access.unauthenticated', 'You are not signed in.', { advice: 'Sign in first.' });
    if (keyOf && token.startsWith(API_KEY)) {
      const holder = await keyOf(token, caller.ip);
      return keyActor(holder, caller, req.get('sluice-workspace'), access, res);
    }
    const session = await sessionOf(token);
    if (!session) {
      throw new SluiceError('access.unauthenticated', 'Your sign-in has ended.', {
        advice: 'Renew it, or sign in again.',
      });
    }
    res.locals.userId = session.userId;
    if (access === 'session') return { ...caller, session };

    const workspaceId = req.get('sluice-workspace');
    if (!workspaceId) {
      throw new SluiceError('request.invalid', 'The request does not say which workspace it is for.', {
        advice: 'Send the header Sluice-Workspace with the id of one of your workspaces.',
      });
    }
    const member = UUID.test(workspaceId) ? await membershipOf(session.userId, workspaceId.toLowerCase()) : undefined;
    if (!member) throw new SluiceError('workspace.not_found', 'There is no such workspace.');
    res.locals.workspaceId = workspaceId;
    const actor: Actor = { ...caller, ...session, workspaceId: workspaceId.toLowerCase(), ...member };
    ensure(mustHave(actor, access));
    return actor;
  };
}

/** A key acts in its own workspace alone, and only there where the contract asks for a permission. */
function keyActor(
  holder: KeyHolder | undefined,
  caller: Caller,
  workspaceId: string | undefined,
  access: Access,
  res: Response,
): Actor {
  if (!holder) {
    throw new SluiceError('access.unauthenticated', 'This API key is not known, or it holds no more.', {
      advice: 'Make another one, or rotate it, in the settings of the workspace.',
    });
  }
  Object.assign(res.locals, { userId: holder.userId, workspaceId: holder.workspaceId });
  if (workspaceId !== undefined && workspaceId.toLowerCase() !== holder.workspaceId) {
    throw new SluiceError('workspace.not_found', 'There is no such workspace.');
  }
  const permission = access as Permission;
  if (access === 'session') ensure(deny('An API key may not do this: it takes a person who is signed in.'));
  else if (!holder.permissions.has(permission)) {
    ensure(deny(`This API key may not do this: it needs ${permission}.`, 'Make a key that has this scope.'));
  }
  return { ...caller, ...holder };
}
