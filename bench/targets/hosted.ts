import { chmodSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import { v7 as newId } from 'uuid';
import { commitOf } from '#shared/merge/ops.ts';
import type { Tree } from '#shared/workflow/tree.ts';
import { startCloud } from '../../cloud/main.ts';
import { startEmbeddedPostgres } from '../../cloud/platform/embeddedPostgres.ts';
import { createLogger } from '../../cloud/platform/logger.ts';
import { PROJECT_ID, sketchTree } from '../../tests/fixtures/engine.ts';
import { sketchOf, WORKLOADS } from '../workloads/workloads.ts';

/**
 * The whole control plane, its Postgres and one workspace that published W1, in a process of its own. Says the address
 * of the webhook in one line when its container is up. Ends on SIGTERM.
 *
 * Arguments: a folder of its own, and the container driver.
 */
const [dataDir = '', driver = 'process'] = process.argv.slice(2);
/** Its 2,000 runs a day are enough for a bench, and two cores for its container. */
const PLAN = 'pro';
const LIVE_MS = 120_000;

mkdirSync(dataDir, { recursive: true });
// Postgres may run as another user than we.
chmodSync(dataDir, 0o755);
const postgres = await startEmbeddedPostgres({ dataDir: join(dataDir, 'db'), ownerPassword: newId() });
const { user, password, host, port, database } = postgres.connection;
const cloud = await startCloud(
  {
    SLUICE_DATA: dataDir,
    DATABASE_URL: `postgres://${user}:${encodeURIComponent(password)}@${host}:${port}/${database}`,
    PORT: '0',
    CONTAINER_DRIVER: driver,
  },
  { logger: createLogger('error', process.stderr) },
);
async function stop(code: number): Promise<void> {
  await cloud.stop();
  await postgres.stop();
  process.exit(code);
}
process.on('SIGTERM', () => void stop(0));

type Body = Record<string, unknown>;
let token: string | undefined;
let workspaceId: string | undefined;

async function ask<T = Body>(method: string, path: string, body?: unknown): Promise<T> {
  const response = await fetch(`${cloud.url}${path}`, {
    method,
    headers: {
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(workspaceId === undefined ? {} : { 'sluice-workspace': workspaceId }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path} answered ${response.status}: ${text}`);
  return (text ? JSON.parse(text) : {}) as T;
}

/** Signs somebody up, confirms the letter, and gives the workspace a plan that a bench does not use up. */
async function signUp(): Promise<void> {
  const person = { email: 'bench@example.com', password: 'four random words' };
  await ask('POST', '/v1/auth/register', { ...person, name: 'Bench' });
  const mail = join(dataDir, 'mail');
  const letters = readdirSync(mail)
    .filter((file) => file.endsWith('.json'))
    .map((file) => (JSON.parse(readFileSync(join(mail, file), 'utf8')) as { text: string }).text);
  const link = letters.map((text) => /token=(\S+)/.exec(text)?.[1]).find((found) => found !== undefined);
  await ask('POST', '/v1/auth/verify-email', { token: link });
  ({ accessToken: token } = await ask<{ accessToken: string }>('POST', '/v1/auth/sign-in', person));
  const who = await ask<{ workspaces: { id: string }[] }>('GET', '/v1/auth/whoami');
  workspaceId = who.workspaces[0]?.id;
  const owner = new pg.Client(postgres.connection);
  await owner.connect();
  await owner.query('update workspace set plan = $2::plan_slug where id = $1', [workspaceId, PLAN]);
  await owner.end();
}

async function publish(tree: Tree): Promise<string> {
  const at = `/v1/projects/${PROJECT_ID}`;
  await ask('POST', '/v1/projects', { id: PROJECT_ID, name: tree.project.name });
  const head = await ask<{ revision: number; tree: Tree }>('GET', `${at}/head`);
  const about = { commitId: newId(), deviceId: newId(), baseRevision: head.revision, origin: 'canvas' as const };
  const { revision } = await ask<{ revision: number }>('POST', `${at}/commits`, {
    commit: commitOf(head.tree, tree, about),
  });
  const version = await ask<{ id: string }>('POST', `${at}/versions`, { expectedRevision: revision });
  const environments = await ask<{ id: string; name: string }[]>('GET', `${at}/environments`);
  const asked = await ask<{ id: string }>('POST', `${at}/deployments`, {
    environmentId: environments.find(({ name }) => name === 'production')?.id,
    versionId: version.id,
  });
  for (const until = Date.now() + LIVE_MS; Date.now() < until; await pause(200)) {
    const now = await ask<{ status: string; hooks: { url: string }[] }>('GET', `${at}/deployments/${asked.id}`);
    const [hook] = now.hooks;
    if (now.status === 'active' && hook) return hook.url;
    if (now.status === 'failed') throw new Error(`The deployment failed: ${JSON.stringify(now)}`);
  }
  throw new Error('The deployment did not become active.');
}

try {
  await signUp();
  const url = await publish(sketchTree(sketchOf(WORKLOADS.w1, 'step')));
  process.stdout.write(`${JSON.stringify({ listening: { url } })}\n`);
} catch (thrown) {
  console.error(thrown);
  await stop(1);
}
