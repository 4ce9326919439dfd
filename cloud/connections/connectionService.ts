import { v7 as newId } from 'uuid';
import { tryConnection } from '#runtime/engine/ports/tryConnection.ts';
import type { BoundConnection } from '#shared/contract/agentApi.ts';
import type { cloudApi } from '#shared/contract/cloudApi.ts';
import type { Service } from '#shared/contract/contract.ts';
import { SluiceError } from '#shared/error.ts';
import type { JsonObject } from '#shared/json.ts';
import { recordAudit } from '../audit/recordAudit.ts';
import { type Database, isTaken } from '../platform/database.ts';
import type { Allowances } from '../runs/ports.ts';
import type { Actor } from '../server/actor.ts';
import { ensure, mustBeVerified } from '../server/policy.ts';
import { type ConnectorInfo, checkHosts, checkSecret, ensureAllWork, ensureRoom } from './connectionPolicy.ts';
import {
  chooseConnections,
  countConnections,
  deleteConnection,
  findConnection,
  findSealed,
  listConnections,
  lockConnections,
  markTried,
  writeConnection,
} from './connectionStore.ts';
import { createOAuth, oauthOf } from './oauth.ts';
import type { Outside } from './outside.ts';
import { expiryOf } from './secretExpiry.ts';
import type { Vault } from './vault.ts';
import { planExpiry } from './warnOfExpiry.ts';

export type ConnectionDeps = {
  database: Database;
  vault: Vault;
  allowances: Pick<Allowances, 'planOf'>;
  connectorNamed(name: string): ConnectorInfo | undefined;
  /** Absent: no service is reached from here, and nothing can be tried. */
  outside?: Outside;
};

const noConnection = (name: string) =>
  new SluiceError('connection.not_found', `There is no connection named ${name} in this workspace.`);

/** The workspace's named settings for connectors. A secret goes in and never comes out again. */
export function createConnectionService(deps: ConnectionDeps): Service<typeof cloudApi.connections, Actor> {
  const { database, vault, allowances, connectorNamed, outside } = deps;

  async function attempt(actor: Actor, connection: BoundConnection, url: string | undefined) {
    // Else anybody could have us knock on doors.
    ensure(mustBeVerified(actor));
    if (!outside) throw new SluiceError('service.unavailable', 'No service can be reached from here.');
    // What is kept is traded for a token already; without the client's id there is nothing to trade.
    const token = async (secret: JsonObject) => {
      const settings = secret.clientId === undefined ? undefined : oauthOf(secret);
      return settings && (await createOAuth(outside.fetch).renew(settings, undefined))?.accessToken;
    };
    return tryConnection({ ...outside, token }, connection, url);
  }

  return {
    list: (_input, actor) => database.withWorkspaceSql(actor, (sql) => listConnections(sql, actor.workspaceId)),

    async set({ name, connector, secret, hosts, expiresAt: said, expectedRevision }, actor) {
      const { workspaceId, userId } = actor;
      const checked = checkSecret(connector, connectorNamed(connector), secret);
      checkHosts(hosts);
      const expiresAt = said === undefined ? expiryOf(checked) : new Date(said);
      const oauth = oauthOf(checked);
      const before = await database.withWorkspaceSql(actor, (sql) => findConnection(sql, workspaceId, name));
      // The place of a sealed value is part of what it is sealed with, so the id comes first.
      const id = before?.id ?? newId();
      const { ciphertext, keyVersion } = await vault.seal(workspaceId, id, checked);
      try {
        return await database.withWorkspaceSql(actor, async (sql) => {
          await lockConnections(sql, workspaceId);
          ensureRevision(await findConnection(sql, workspaceId, name), expectedRevision);
          if (!before) {
            ensureRoom(await allowances.planOf(sql, workspaceId), await countConnections(sql, workspaceId));
          }
          await writeConnection(sql, workspaceId, {
            id,
            name,
            connector,
            hosts,
            ciphertext: Buffer.from(ciphertext),
            keyVersion,
            createdById: userId,
            expiresAt,
            signIn: oauth && (oauth.grant === 'client_credentials' ? 'program' : 'person'),
          });
          await recordAudit(sql, actor, {
            action: actionOf(before, connector),
            resource: 'connection',
            resourceId: id,
            metadata: { name, connector },
          });
          if (expiresAt) await planExpiry(sql, workspaceId);
          const connection = await findConnection(sql, workspaceId, name);
          if (!connection) throw noConnection(name);
          return connection;
        });
      } catch (thrown) {
        if (!isTaken(thrown)) throw thrown;
        throw new SluiceError('project.changed', `Somebody else made a connection named ${name} just now.`, {
          advice: 'Look at it, then set it again if it should be yours.',
        });
      }
    },

    async test({ connector, secret, hosts, url }, actor) {
      const checked = checkSecret(connector, connectorNamed(connector), secret);
      checkHosts(hosts);
      const settings = oauthOf(checked);
      if (settings?.grant === 'authorization_code') {
        const advice = 'Keep it, then connect it with the service: you sign in there.';
        return { ok: false, message: 'A person has to connect it before it can be tried.', advice, ms: 0 };
      }
      return attempt(actor, { connector, secret: checked, hosts }, url);
    },

    async testKept({ name, url }, actor) {
      const { workspaceId } = actor;
      const [sealed] = await database.withWorkspaceSql(actor, (sql) => findSealed(sql, workspaceId, [name]));
      if (!sealed) throw noConnection(name);
      const { id, connector, hosts } = sealed;
      const secret = (await vault.use(workspaceId, sealed)).reveal();
      const trial = await attempt(actor, { connector, secret, hosts }, url);
      await database.withWorkspaceSql(actor, (sql) => markTried(sql, workspaceId, id, trial.ok));
      return trial;
    },

    choose: ({ names }, actor) =>
      database.withWorkspaceSql(actor, async (sql) => {
        const { workspaceId } = actor;
        await lockConnections(sql, workspaceId);
        const wanted = new Set(names);
        const kept = new Set((await listConnections(sql, workspaceId)).map(({ name }) => name));
        for (const name of wanted) if (!kept.has(name)) throw noConnection(name);
        ensureAllWork(await allowances.planOf(sql, workspaceId), wanted.size);
        await chooseConnections(sql, workspaceId, names);
        await recordAudit(sql, actor, { action: 'connection.choose', resource: 'connection', metadata: { names } });
        return listConnections(sql, workspaceId);
      }),

    remove: ({ name }, actor) =>
      database.withWorkspaceSql(actor, async (sql) => {
        const id = await deleteConnection(sql, actor.workspaceId, name);
        if (id === undefined) throw noConnection(name);
        await recordAudit(sql, actor, {
          action: 'connection.delete',
          resource: 'connection',
          resourceId: id,
          metadata: { name },
        });
        return { done: true as const };
      }),
  };
}

/** The same service with another secret is a rotation. */
function actionOf(before: { connector: string } | undefined, connector: string): string {
  if (!before) return 'connection.create';
  return before.connector === connector ? 'connection.rotate' : 'connection.update';
}

/** @param expected absent: whatever stands there is overwritten; 0: it must be new */
function ensureRevision(kept: { revision: number } | undefined, expected: number | undefined): void {
  const revision = kept?.revision ?? 0;
  if (expected === undefined || expected === revision) return;
  throw new SluiceError('request.changed', 'Somebody else set this connection since you last saw it.', {
    details: { revision, expectedRevision: expected },
    advice: 'Look at it again, then set it again if it should be yours.',
  });
}
