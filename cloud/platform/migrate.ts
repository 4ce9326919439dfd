import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PrismaPg } from '@prisma/adapter-pg';
import { bindMigrationAwareSqlAdapterFactory } from '@prisma/driver-adapter-utils';
import pg from 'pg';
import { SluiceError } from '#shared/error.ts';
import type { ConnectionInfo } from './embeddedPostgres.ts';
import { grantExports } from './grantExports.ts';

const SCHEMA_PATH = 'prisma/schema.prisma';
const FILTERS = { externalTables: [], externalEnums: [] };

/** The part of the engine that we use; its own types cannot be imported, since its module is made for a bundler. */
type Engine = {
  applyMigrations(input: object): Promise<{ appliedMigrationNames: string[] }>;
  diff(input: object): Promise<{ stdout?: string | null; exitCode: number }>;
  free?(): void;
};
type EngineModule = {
  __wbg_set_wasm(exports: Record<string, unknown>): void;
  SchemaEngine: { new: (options: object, log: (line: string) => void, adapter: object) => Promise<Engine> };
};

/** What we use of WebAssembly, whose types belong to browsers and are not known here. */
type Wasm = {
  Module: new (bytes: Uint8Array) => object;
  Instance: new (module: object, imports: object) => { exports: Record<string, unknown> };
};

let loaded: Promise<EngineModule> | undefined;

async function loadEngine(): Promise<EngineModule> {
  const name = '@prisma/schema-engine-wasm/schema_engine_bg';
  const path = createRequire(import.meta.url).resolve(name);
  const engine = (await import(path)) as EngineModule;
  const bytes = readFileSync(join(dirname(path), 'schema_engine_bg.wasm'));
  const { Instance, Module } = (globalThis as unknown as { WebAssembly: Wasm }).WebAssembly;
  const instance = new Instance(new Module(bytes), { './schema_engine_bg.js': engine });
  engine.__wbg_set_wasm(instance.exports);
  (instance.exports.__wbindgen_start as () => void)();
  return engine;
}

/** The `prisma/` folder: beside the sources, or where a bundle puts it. */
export function prismaFolder(): string {
  for (let folder = dirname(fileURLToPath(import.meta.url)); ; folder = dirname(folder)) {
    if (existsSync(join(folder, 'prisma', 'schema.prisma'))) return join(folder, 'prisma');
    if (folder === dirname(folder)) throw new Error('There is no prisma/ folder above this file.');
  }
}

async function withEngine<T>(
  connection: ConnectionInfo,
  schema: string,
  use: (engine: Engine) => Promise<T>,
): Promise<T> {
  loaded ??= loadEngine();
  const { SchemaEngine } = await loaded;
  const adapter = bindMigrationAwareSqlAdapterFactory(
    wholeScripts(new PrismaPg({ ...connection, idleTimeoutMillis: 100 })),
  );
  const engine = await SchemaEngine.new({ datamodels: [[SCHEMA_PATH, schema]] }, () => undefined, adapter);
  try {
    return await use(engine);
  } finally {
    engine.free?.();
  }
}

/**
 * The adapter cuts a script at every semicolon, also inside a function's body, and sends the pieces over whichever connection
 * is free. A migration goes over one connection whole, so that its BEGIN and COMMIT mean something.
 */
function wholeScripts(factory: PrismaPg): PrismaPg {
  const connect = factory.connect.bind(factory);
  factory.connect = async () => {
    const adapter = await connect();
    adapter.executeScript = async (script) => {
      const client = await adapter.underlyingDriver().connect();
      try {
        await client.query(script);
      } catch (thrown) {
        await client.query('rollback');
        throw thrown;
      } finally {
        client.release();
      }
    };
    return adapter;
  };
  return factory;
}

/** The names of the migrations in `folder`, oldest first. */
export function migrationNames(folder = prismaFolder()): string[] {
  const entries = readdirSync(join(folder, 'migrations'), { withFileTypes: true });
  return entries.flatMap((entry) => (entry.isDirectory() ? [entry.name] : [])).sort();
}

export function migrationSql(name: string, folder = prismaFolder()): string {
  return readFileSync(join(folder, 'migrations', name, 'migration.sql'), 'utf8');
}

/**
 * Applies the migrations that are not applied yet, as the owner, and answers with their names. Several processes may do it at once.
 *
 * @throws SluiceError store.failed naming what went wrong; nothing of a failing migration stays
 */
export async function applyMigrations(owner: ConnectionInfo, folder = prismaFolder()): Promise<string[]> {
  const schema = readFileSync(join(folder, 'schema.prisma'), 'utf8');
  const lockfile = readFileSync(join(folder, 'migrations', 'migration_lock.toml'), 'utf8');
  const migrationsList = {
    baseDir: 'prisma/migrations',
    shadowDbInitScript: '',
    lockfile: { path: 'migration_lock.toml', content: lockfile },
    migrationDirectories: migrationNames(folder).map((name) => ({
      path: name,
      migrationFile: { path: 'migration.sql', content: { tag: 'ok', value: migrationSql(name, folder) } },
    })),
  };
  try {
    const answer = await withEngine(owner, schema, (engine) =>
      engine.applyMigrations({ migrationsList, filters: FILTERS }),
    );
    await grantExports(owner);
    return answer.appliedMigrationNames;
  } catch (cause) {
    throw new SluiceError('store.failed', `The database could not be brought up to date: ${(cause as Error).message}`, {
      advice: 'Nothing of the failing step was kept. Go back to the version before, or repair what the message names.',
      cause,
    });
  }
}

/** The SQL from one schema to another; from nothing where `before` is left out. Changes no database, but needs one to connect to. */
export async function schemaDiff(connection: ConnectionInfo, after: string, before?: string): Promise<string> {
  const datamodel = (content: string) => ({ tag: 'schemaDatamodel', files: [{ path: SCHEMA_PATH, content }] });
  const from = before === undefined ? { tag: 'empty' } : datamodel(before);
  const input = { from, to: datamodel(after), script: true, exitCode: true, filters: FILTERS, shadowDatabaseUrl: null };
  return (await withEngine(connection, after, (engine) => engine.diff(input))).stdout ?? '';
}

/** The roles that log in, with what each may do in `prisma/migrations`. */
const LOGIN_ROLES = ['sluice_app', 'sluice_dispatcher', 'sluice_queue', 'sluice_exporter', 'sluice_readonly'] as const;
export type LoginRole = (typeof LOGIN_ROLES)[number];

/** Gives each role its password, unless it has it already. @param passwordOf derived from the master key */
export async function setRolePasswords(owner: ConnectionInfo, passwordOf: (role: LoginRole) => string): Promise<void> {
  const missing: LoginRole[] = [];
  for (const role of LOGIN_ROLES)
    if (!(await canLogIn({ ...owner, user: role, password: passwordOf(role) }))) missing.push(role);
  if (missing.length === 0) return;
  const client = new pg.Client(owner);
  await client.connect();
  try {
    for (const role of missing) {
      await client
        .query(`alter role ${role} with login password ${client.escapeLiteral(passwordOf(role))}`)
        .catch((cause: unknown) => {
          throw roleProblem(role, cause);
        });
    }
  } finally {
    await client.end();
  }
}

/** SQLSTATE of a role that is not there, and of one that this owner may not change. */
const [NO_ROLE, MAY_NOT] = ['42704', '42501'];

function roleProblem(role: LoginRole, cause: unknown): unknown {
  const code = (cause as { code?: unknown } | undefined)?.code;
  if (code !== NO_ROLE && code !== MAY_NOT) return cause;
  const why = code === NO_ROLE ? 'is not there' : 'belongs to somebody else';
  return new SluiceError('config.invalid', `The role "${role}" of the database server ${why}.`, {
    advice:
      'After a restore, restore the roles before the database, as docs/self-hosting.md says. Nothing was changed.',
    cause,
  });
}

async function canLogIn(connection: ConnectionInfo): Promise<boolean> {
  const client = new pg.Client(connection);
  client.on('error', () => undefined);
  try {
    await client.connect();
    return true;
  } catch {
    return false;
  } finally {
    await client.end().catch(() => undefined);
  }
}
