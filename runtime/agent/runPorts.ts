import { createHash } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { AgentApi, Assignment } from '#shared/contract/agentApi.ts';
import type { GroupClient } from '#shared/contract/contract.ts';
import { SluiceError } from '#shared/error.ts';
import { findConnector } from '../connectors/registry.ts';
import { openProjectFiles, type ProjectFiles } from '../engine/ports/files.ts';
import { createHttpBroker, type HttpBrokerDeps } from '../engine/ports/http.ts';
import { createMailPort } from '../engine/ports/mail.ts';
import type { Blobs, Hashing, ProjectStore, RunPorts } from '../engine/ports/ports.ts';
import { openProjectStore } from '../engine/ports/projectStore.ts';
import type { Sandbox } from '../engine/ports/sandbox.ts';
import { createSqlPort, type SqlPort } from '../engine/ports/sql.ts';
import { createPostgresPort } from '../engine/ports/sqlPostgres.ts';
import { createSqlitePort } from '../engine/ports/sqlSqlite.ts';
import { createSqliteProcesses } from '../engine/ports/sqlSqliteProcess.ts';
import { systemClock } from '../engine/ports/systemClock.ts';

export const nodeHashing: Hashing = { sha256: (data) => createHash('sha256').update(data).digest('hex') };

/** Blobs kept by the control plane, reached through the agent contract. */
export function remoteBlobs(client: Pick<GroupClient<AgentApi['agent']>, 'putBlob' | 'getBlob'>): Blobs {
  return {
    async put(bytes) {
      const hash = createHash('sha256').update(bytes).digest('hex');
      const base64 = Buffer.from(bytes).toString('base64');
      await persist(() => client.putBlob({ hash, base64 }));
      return hash;
    },
    async get(hash) {
      const { base64 } = await persist(() => client.getBlob({ hash }));
      return Buffer.from(base64, 'base64');
    },
  };
}

/** Pauses before a blob is asked for again: a control plane that is away for a minute must not fail runs. */
const PAUSES_MS = [200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 30_000];

/** Tries again what was not answered, also while another token is on its way. */
async function persist<T>(ask: () => Promise<T>): Promise<T> {
  for (const ms of PAUSES_MS) {
    try {
      return await ask();
    } catch (thrown) {
      const error = SluiceError.from(thrown);
      if (error.retry !== 'yes' && error.status !== 401) throw thrown;
      await systemClock.sleep(ms);
    }
  }
  return ask();
}

/** The ports of a process that executes runs: its own network, and one store per project and environment. */
export function createRunPorts(deps: {
  dataDir: string;
  blobs: Blobs;
  sandbox: Sandbox;
  /** What the files of a project, and its store, may take each; asked as each is opened. Without it, as much as the disk has. */
  storageBytes?(): number | undefined;
  egress?: HttpBrokerDeps['egress'];
}) {
  const stores = new Map<string, ProjectStore>();
  const folders = new Map<string, ProjectFiles>();
  /** By project and environment. */
  const known = new Map<string, Omit<RunPorts, 'control'>>();
  const http = createHttpBroker({ findConnector, blobs: deps.blobs, egress: deps.egress });
  const postgres = createPostgresPort();
  const sqliteProcesses = createSqliteProcesses();
  const mail = createMailPort();

  function filesFor(dir: string): ProjectFiles {
    const open = folders.get(dir);
    if (open) return open;
    const files = openProjectFiles(dir, { maxBytes: deps.storageBytes?.() });
    folders.set(dir, files);
    return files;
  }

  function storeFor(dir: string): ProjectStore {
    const open = stores.get(dir);
    if (open) return open;
    mkdirSync(dir, { recursive: true });
    const store = openProjectStore(join(dir, 'store.db'), { maxBytes: deps.storageBytes?.() });
    stores.set(dir, store);
    return store;
  }

  /** Opened with the first step that keeps or looks for something: most projects have none, and making it takes 40 ms. */
  function lazyStore(open: () => ProjectStore): ProjectStore {
    return {
      kvGet: (...asked) => open().kvGet(...asked),
      kvSet: (...asked) => open().kvSet(...asked),
      tableInsert: (...asked) => open().tableInsert(...asked),
      tableUpdate: (...asked) => open().tableUpdate(...asked),
      tableDelete: (...asked) => open().tableDelete(...asked),
      tableQuery: (...asked) => open().tableQuery(...asked),
      close() {},
    };
  }

  /** Opened with the first step that touches a file: most projects have none. */
  function lazyFiles(open: () => ProjectFiles): Required<Pick<RunPorts, 'files' | 'sql'>> {
    const sqlite: SqlPort = {
      run: (...asked) => createSqlitePort(open(), { runner: sqliteProcesses.run }).run(...asked),
      close() {},
    };
    return {
      files: {
        load: async (...asked) => open().load(...asked),
        part: async (...asked) => open().part(...asked),
        save: async (...asked) => open().save(...asked),
        list: async (...asked) => open().list(...asked),
        remove: async (...asked) => open().remove(...asked),
      },
      sql: createSqlPort({ sqlite, postgres }),
    };
  }

  return {
    portsFor(assignment: Pick<Assignment, 'projectId' | 'environment'>): Omit<RunPorts, 'control'> {
      const key = `${assignment.projectId}/${assignment.environment.name}`;
      const before = known.get(key);
      if (before) return before;
      const dir = join(deps.dataDir, 'projects', assignment.projectId, assignment.environment.name);
      const ports = {
        clock: systemClock,
        blobs: deps.blobs,
        http,
        store: lazyStore(() => storeFor(dir)),
        ...lazyFiles(() => filesFor(dir)),
        mail,
        sandbox: deps.sandbox,
        hashing: nodeHashing,
      };
      known.set(key, ports);
      return ports;
    },
    async close(): Promise<void> {
      for (const store of stores.values()) store.close();
      for (const files of folders.values()) files.close();
      sqliteProcesses.close();
      await postgres.close();
      folders.clear();
      stores.clear();
      known.clear();
      await deps.sandbox.close();
    },
  };
}
