import { type Request, Router } from 'express';
import { KEY_PRESETS } from '#shared/contract/cloud/apiKeys.ts';
import { cloudApi } from '#shared/contract/cloudApi.ts';
import { parse } from '#shared/parse.ts';
import { createPages, formOf, orAgain, type PageDeps, send } from '../accounts/pages/pages.ts';
import type { Page, Problem } from '../accounts/pages/views.ts';
import type { Database } from '../platform/database.ts';
import type { Actor, Caller, SignedIn } from '../server/actor.ts';
import type { Identities } from '../server/authenticate.ts';
import type { MountedService } from '../server/mount.ts';
import { listWorkspaces } from '../workspaces/workspaceStore.ts';
import { apiKeysPage, newKeyPage, noKeysHerePage } from './apiKeyViews.ts';

export type ApiKeyPageDeps = PageDeps & {
  db: Database;
  identities: Pick<Identities, 'membershipOf'>;
  keys: MountedService<typeof cloudApi.apiKeys>;
};

/** The keys of a workspace, for those who may make some. */
export function apiKeyPages({ db, identities, keys, ...deps }: ApiKeyPageDeps): Router {
  const router = Router();
  const { add, mustBeSignedIn } = createPages(router, deps);

  /** The workspace that the page is about: the one that was asked for, else the first where this person may make keys. */
  async function actorOf(session: SignedIn, caller: Caller, wanted: unknown): Promise<Actor | undefined> {
    for (const { id: workspaceId } of await listWorkspaces(db, session.userId)) {
      if (typeof wanted === 'string' && wanted !== workspaceId) continue;
      const member = await identities.membershipOf(session.userId, workspaceId);
      if (member?.permissions.has('apikey:write')) return { ...caller, ...session, workspaceId, ...member };
    }
    return undefined;
  }

  async function pageFor(actor: Actor): Promise<(problem?: Problem) => Page> {
    const workspaces = await listWorkspaces(db, actor.userId);
    const view = { workspaces, workspaceId: actor.workspaceId, keys: await keys.list({}, actor) };
    return (problem) => apiKeysPage({ ...view, problem });
  }

  add('GET', '/api-keys', 'apiKeys', 'read', async (req, res, caller) => {
    const session = await mustBeSignedIn(req, res);
    if (!session) return;
    const actor = await actorOf(session, caller, req.query.workspace);
    if (actor) send(res, (await pageFor(actor))());
    else send(res, noKeysHerePage(), 403);
  });

  const change = (path: string, name: string, work: (req: Request, actor: Actor) => Promise<{ secret?: string }>) =>
    add('POST', path, name, 'sign_in', async (req, res, caller) => {
      const session = await mustBeSignedIn(req, res);
      if (!session) return;
      const actor = await actorOf(session, caller, formOf(req).workspace ?? '');
      if (!actor) return send(res, noKeysHerePage(), 403);
      const attempt = async () => {
        const { secret } = await work(req, actor);
        if (secret !== undefined) send(res, newKeyPage(secret, actor.workspaceId));
        else res.redirect(303, `/api-keys?workspace=${actor.workspaceId}`);
      };
      await orAgain(attempt, res, await pageFor(actor));
    });

  change('/api-keys', 'makeKey', (req, actor) => {
    const { name, preset = '', days } = formOf(req);
    const scopes = Object.entries(KEY_PRESETS).find(([id]) => id === preset)?.[1].scopes ?? [];
    const input = { name, scopes, expiresInDays: Number(days) };
    return Promise.resolve(keys.create(parse(cloudApi.apiKeys.create.input, input, 'What you entered'), actor));
  });

  change('/api-keys/rotate', 'rotateKey', (req, actor) => {
    const input = parse(cloudApi.apiKeys.rotate.input, { keyId: formOf(req).key }, 'The key');
    return Promise.resolve(keys.rotate(input, actor));
  });

  change('/api-keys/revoke', 'revokeKey', async (req, actor) => {
    await keys.revoke(parse(cloudApi.apiKeys.revoke.input, { keyId: formOf(req).key }, 'The key'), actor);
    return {};
  });
  return router;
}
