import { join } from 'node:path';
import { SluiceError } from '#shared/error.ts';
import type { Logger } from '#shared/log.ts';
import { createIdentities } from './accounts/identities.ts';
import { createKeyring } from './apiKeys/keyring.ts';
import { createBlobs } from './platform/blobs.ts';
import { systemClock } from './platform/clock.ts';
import { type Config, loadConfig } from './platform/config.ts';
import { connectionOf } from './platform/connectionOf.ts';
import { openDatabase } from './platform/database.ts';
import { type ConnectionInfo, startEmbeddedPostgres } from './platform/embeddedPostgres.ts';
import { ensureSameKey } from './platform/keyPrint.ts';
import { createLogger } from './platform/logger.ts';
import { createMailTransport } from './platform/mail.ts';
import { createMail } from './platform/mailOutbox.ts';
import { createMetrics } from './platform/metrics.ts';
import { applyMigrations, type LoginRole, setRolePasswords } from './platform/migrate.ts';
import { createRunQueue } from './platform/queue.ts';
import { reachDatabase } from './platform/reachDatabase.ts';
import { createSecrets, loadMasterKey, type MasterKey } from './platform/secrets.ts';
import { createAuthenticator } from './server/authenticate.ts';
import { createCalls } from './server/calls.ts';
import { allCapabilities, type MakeCapabilities } from './server/capabilities.ts';
import { createIdempotency } from './server/idempotency.ts';
import { listen, startServer } from './server/main.ts';
import type { Platform } from './server/platform.ts';
import { createRateLimits, RATE_LIMITS } from './server/rateLimits.ts';
import { openRateStore } from './server/rateStore.ts';
import { createRoutes } from './server/routes.ts';

export type Cloud = {
  url: string;
  agentUrl: string;
  /** Drains and stops everything, the built-in Postgres last. Again gives the same promise. */
  stop(): Promise<void>;
};

export type StartOptions = {
  logger?: Logger;
  /** What it can do; all there is, unless a test is about less. */
  capabilities?: MakeCapabilities;
};

/**
 * Starts the whole control plane in this process; without settings, on a Postgres of its own.
 *
 * @param env variables of config.ts
 * @throws SluiceError config.invalid, port.in_use, store.failed, each with what to do
 */
export async function startCloud(
  env: Record<string, string | undefined>,
  { logger, capabilities = allCapabilities }: StartOptions = {},
): Promise<Cloud> {
  const config = loadConfig(env);
  const log = logger ?? createLogger(config.logLevel);
  /** What to undo, in the order it was done. */
  const undo: (() => unknown)[] = [];
  const unwind = async () => {
    for (const step of undo.splice(0).reverse()) await step();
  };
  try {
    const open = await listen(config.host, config.port);
    undo.push(() => open.server.close());
    const agents = await listen(config.agentHost, config.agentPort);
    undo.push(() => agents.server.close());
    const master = loadMasterKey(config.dataDir, config.masterKey);
    const owner = await prepareDatabase(config, master, undo);
    const platform = await createPlatform(config, log, master, owner, undo, {
      publicUrl: config.publicUrl ?? open.url,
      agentUrl: agents.url,
    });
    const server = await startServer(platform, await capabilities(platform), open, agents);
    undo.push(() => server.stop());
    log.info('The control plane is ready.', { url: platform.publicUrl });
    let stopping: Promise<void> | undefined;
    const stop = () => {
      stopping ??= unwind();
      return stopping;
    };
    return { url: platform.publicUrl, agentUrl: agents.url, stop };
  } catch (thrown) {
    await unwind().catch((error: unknown) =>
      log.error('Stopping after a failed start failed too.', { error: String(error) }),
    );
    throw thrown;
  }
}

const passwordsOf = (master: MasterKey) => (role: LoginRole) => master.derive(`postgres:${role}`);

/** A database that is up to date, and how its owner reaches it. */
async function prepareDatabase(config: Config, master: MasterKey, undo: (() => unknown)[]): Promise<ConnectionInfo> {
  let owner: ConnectionInfo;
  if (config.databaseUrl) {
    owner = connectionOf(config.databaseUrl);
    await reachDatabase(owner);
  } else {
    const embedded = await startEmbeddedPostgres({
      dataDir: config.dataDir,
      ownerPassword: master.derive('postgres:owner'),
    });
    undo.push(() => embedded.stop());
    owner = embedded.connection;
  }
  await applyMigrations(owner);
  await ensureSameKey(owner, master);
  await setRolePasswords(owner, passwordsOf(master));
  return owner;
}

async function createPlatform(
  config: Config,
  logger: Logger,
  master: MasterKey,
  owner: ConnectionInfo,
  undo: (() => unknown)[],
  urls: { publicUrl: string; agentUrl: string },
): Promise<Platform> {
  const clock = systemClock;
  const passwordOf = passwordsOf(master);
  const as = (role: LoginRole): ConnectionInfo => ({ ...owner, user: role, password: passwordOf(role) });
  const onError = (what: string) => (error: Error) => logger.warn(`${what} had a problem.`, { error: error.message });

  const db = openDatabase({ connection: owner, passwordOf, onError: onError('A database connection') });
  undo.push(() => db.close());
  const queueOptions = config.redisUrl ? { redisUrl: config.redisUrl } : { owner, connection: as('sluice_queue') };
  const queue = await createRunQueue({ ...queueOptions, onError: onError('The queue') });
  undo.push(() => queue.close());
  const transport = createMailTransport({ folder: join(config.dataDir, 'mail'), ...config.mail });
  const mail = createMail({ db, master, transport, logger });
  undo.push(() => mail.close());

  const perMinute = { points: config.requestsPerMinute, seconds: 60 };
  const rateStore = config.redisUrl ? openRateStore(config.redisUrl, logger) : undefined;
  undo.push(() => rateStore?.close());
  const rates = {
    read: perMinute,
    write: perMinute,
    // Several people may share an address: it has room for three who each ask as much as they may.
    address: { ...RATE_LIMITS.address, points: Math.max(RATE_LIMITS.address.points, 3 * perMinute.points) },
    sign_in: { points: config.signInsPerMinute, seconds: 60 },
    sign_up: { ...RATE_LIMITS.sign_up, points: config.signUpsPerHour },
    reset: { ...RATE_LIMITS.reset, points: config.resetsPerHour },
  };
  const limits = createRateLimits(rates, rateStore);
  return {
    ...urls,
    config,
    logger,
    clock,
    db,
    queue,
    mail,
    limits,
    master,
    secrets: createSecrets(master),
    blobs: createBlobs(join(config.dataDir, 'blobs')),
    metrics: createMetrics(),
    connection: as('sluice_app'),
    routes: createRoutes(),
    calls: createCalls(),
    authenticate: createAuthenticator({ ...createIdentities({ db, clock }), ...createKeyring({ db, clock, logger }) }),
    idempotency: createIdempotency({ db, clock }),
  };
}

/** Started by itself: in the foreground, until it is told to stop. */
async function runInForeground(): Promise<void> {
  try {
    const cloud = await startCloud(process.env);
    console.log(`Control plane  ${cloud.url}`);
    const stop = () => {
      // Within 30 s, whatever hangs.
      setTimeout(() => process.exit(1), 30_000).unref();
      cloud.stop().then(
        () => process.exit(0),
        (error: unknown) => {
          console.error(error);
          process.exit(1);
        },
      );
    };
    process.once('SIGTERM', stop);
    process.once('SIGINT', stop);
  } catch (thrown) {
    const error = SluiceError.from(thrown);
    console.error(error.code === 'internal' ? thrown : `${error.message}${error.advice ? `\n${error.advice}` : ''}`);
    process.exit(1);
  }
}

if (import.meta.main) await runInForeground();
