import { randomBytes } from 'node:crypto';
import { Router } from 'express';
import { z } from 'zod';
import { SluiceError } from '#shared/error.ts';
import { html } from '#shared/html.ts';
import { createPages, orAgain, type PageDeps, send } from '../accounts/pages/pages.ts';
import { type Page, type Problem, problemNote } from '../accounts/pages/views.ts';
import { recordAudit } from '../audit/recordAudit.ts';
import type { Clock } from '../platform/clock.ts';
import type { Database } from '../platform/database.ts';
import type { MasterKey } from '../platform/secrets.ts';
import type { Actor, Caller, SignedIn } from '../server/actor.ts';
import type { Identities } from '../server/authenticate.ts';
import { ensure, mustBeVerified } from '../server/policy.ts';
import { findWorkspace } from '../workspaces/workspaceStore.ts';
import { findSealed, findSealedById, type SealedConnection } from './connectionStore.ts';
import { failureOf, type OAuth, type OAuthSettings, oauthOf } from './oauth.ts';
import type { Vault } from './vault.ts';
import { planExpiry } from './warnOfExpiry.ts';

export type ConnectPageDeps = PageDeps & {
  db: Database;
  clock: Clock;
  master: MasterKey;
  identities: Pick<Identities, 'membershipOf'>;
  vault: Vault;
  oauth: OAuth;
};

const LIFE_MS = 10 * 60_000;
const NAMED = /^([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})_([a-z0-9-]{1,63})$/;
const AAD = 'connecting a connection';

/** What a service gives back with its answer: whose it is, for which connection, and what proves it. Sealed by us. */
const State = z.strictObject({
  userId: z.uuid(),
  workspaceId: z.uuid(),
  connectionId: z.uuid(),
  verifier: z.string(),
  until: z.number(),
});
type State = z.infer<typeof State>;

type Found = { actor: Actor; connection: SealedConnection; settings: OAuthSettings; workspace: string };

/** A person signs in at a service, so that the steps of a workspace may use it: by OAuth 2 with PKCE. */
export function connectPages({ db, clock, master, identities, vault, oauth, ...deps }: ConnectPageDeps): Router {
  const router = Router();
  const { add, mustBeSignedIn } = createPages(router, deps);
  const redirectUri = `${deps.publicUrl}/connections/answer`;

  /** A connection that this person may connect; of all others it is not said why not. */
  async function find(
    caller: Caller,
    session: SignedIn,
    workspaceId: string,
    by: { name: string } | { id: string },
  ): Promise<Found | undefined> {
    const member = await identities.membershipOf(session.userId, workspaceId);
    if (!member?.permissions.has('connection:write')) return undefined;
    const actor = { ...caller, ...session, workspaceId, ...member };
    const found = await db.withWorkspaceSql(actor, async (sql) => ({
      workspace: (await findWorkspace(sql, workspaceId))?.name,
      connection:
        'id' in by ? await findSealedById(sql, workspaceId, by.id) : (await findSealed(sql, workspaceId, [by.name]))[0],
    }));
    const { workspace, connection } = found;
    if (!connection || workspace === undefined) return undefined;
    const settings = oauthOf((await vault.open(workspaceId, connection)).reveal());
    return settings?.grant === 'authorization_code' ? { actor, connection, settings, workspace } : undefined;
  }

  add('GET', '/connections/connect', 'connectConnection', 'read', async (req, res, caller) => {
    const session = await mustBeSignedIn(req, res);
    if (!session) return;
    const [, workspaceId = '', name = ''] = NAMED.exec(String(req.query.connection ?? '')) ?? [];
    const found = workspaceId ? await find(caller, session, workspaceId, { name }) : undefined;
    if (!found) return send(res, nothingPage(), 404);
    ensure(mustBeVerified(session));
    const verifier = randomBytes(32).toString('base64url');
    const state = sealState({
      ...{ userId: session.userId, workspaceId, connectionId: found.connection.id, verifier },
      until: clock.now().getTime() + LIFE_MS,
    });
    send(res, askPage(found, oauth.authorizationUrl(found.settings, { state, verifier, redirectUri })));
  });

  // What it changes, only who began it can bring about: the state is theirs, and proves itself to the service.
  add('GET', '/connections/answer', 'connectionAnswer', 'sign_in', async (req, res, caller) => {
    const session = await mustBeSignedIn(req, res);
    if (!session) return;
    const answer = new URL(req.originalUrl, 'http://local.invalid').searchParams;
    const text = answer.get('state') ?? '';
    const state = openState(text);
    const mine = state && state.userId === session.userId && state.until > clock.now().getTime();
    const found = mine ? await find(caller, session, state.workspaceId, { id: state.connectionId }) : undefined;
    if (!found || !state) return send(res, nothingPage(), 404);
    const attempt = async () => {
      const host = new URL(found.settings.tokenUrl).host;
      if (answer.has('error')) throw declined(host);
      const asked = { state: text, verifier: state.verifier, redirectUri };
      const tokens = await oauth.trade(found.settings, answer, asked).catch((thrown: unknown) => {
        throw failureOf(thrown, host);
      });
      const { actor, connection, workspace } = found;
      if (!(await vault.keepTokens(actor.workspaceId, connection, tokens))) throw changed(connection.name);
      await db.withWorkspaceSql(actor, async (sql) => {
        await planExpiry(sql, actor.workspaceId);
        const record = { action: 'connection.connect', resource: 'connection', resourceId: connection.id };
        await recordAudit(sql, actor, { ...record, metadata: { name: connection.name } });
      });
      send(res, connectedPage(connection.name, workspace));
    };
    await orAgain(attempt, res, (problem) => failedPage(found, problem));
  });

  function sealState(state: State): string {
    return Buffer.from(master.wrap(Buffer.from(JSON.stringify(state)), AAD)).toString('base64url');
  }

  function openState(text: string): State | undefined {
    try {
      return State.parse(JSON.parse(master.unwrap(Buffer.from(text, 'base64url'), AAD).toString('utf8')));
    } catch {
      return undefined;
    }
  }

  return router;
}

function declined(host: string): SluiceError {
  return new SluiceError('access.denied', `${host} says that it was not allowed.`, {
    advice: 'Begin again if it should be.',
  });
}

function changed(name: string): SluiceError {
  return new SluiceError('project.changed', `Somebody changed the connection ${name} meanwhile.`, {
    advice: 'Connect it again.',
  });
}

function askPage({ connection, settings, workspace }: Found, url: string): Page {
  const { host } = new URL(url);
  return {
    title: `Connect ${connection.name}?`,
    lead: `of the workspace “${workspace}”`,
    body: html`<p>You sign in at <strong>${host}</strong> and allow it there. From then on, whoever may edit workflows of “${workspace}” uses your account there by them${settings.scope !== undefined && html`, for: ${settings.scope}`}.</p>
<a class="button" href="${url}" rel="noreferrer">Go on to ${host}</a>
<a class="button quiet" href="/app">Cancel</a>`,
  };
}

function connectedPage(name: string, workspace: string): Page {
  return {
    title: `${name} is connected`,
    body: html`<p>Hosted runs of “${workspace}” sign in with it from now on. You can close this page.</p><a class="button" href="/app">Back to the workflows</a>`,
  };
}

function failedPage({ actor, connection }: Found, problem: Problem): Page {
  return {
    title: `${connection.name} was not connected`,
    body: html`${problemNote(problem)}<a class="button" href="/connections/connect?connection=${actor.workspaceId}_${connection.name}">Begin again</a>`,
  };
}

function nothingPage(): Page {
  return {
    title: 'There is nothing to connect here',
    body: html`<p>There is no such connection that you may connect, or it took longer than ten minutes. Begin again in the connections of the workspace.</p><a class="button quiet" href="/app">To the workflows</a>`,
  };
}
