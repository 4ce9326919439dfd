import { fileURLToPath } from 'node:url';
import { type Person, send, type TestCloud } from '../../fixtures/cloud.ts';
import { startProgram } from '../../fixtures/program.ts';

/** A second process of the control plane on the database of the first. */
export async function startAnotherProcess(cloud: TestCloud) {
  const program = await startProgram({
    name: 'Another control plane',
    args: [fileURLToPath(new URL('../../../cloud/main.ts', import.meta.url))],
    env: {
      SLUICE_DATA: cloud.dataDir,
      DATABASE_URL: cloud.database.url,
      SLUICE_MASTER_KEY: cloud.database.masterKey,
      CONTAINER_DRIVER: 'process',
      REQUESTS_PER_MINUTE: '100000',
      PORT: '0',
    },
    announced: /^Control plane\s+(https?:\/\/\S+)/,
  });
  return {
    ...program,
    url: program.found,
    /** Requests of a person to this process. */
    callAs({ accessToken, workspaceId }: Person): Person['call'] {
      const headers = { authorization: `Bearer ${accessToken}`, 'sluice-workspace': workspaceId };
      return (method, path, body, more) => send(program.found, method, path, body, { ...headers, ...more });
    },
    /** How long it says that requests of a route took, in milliseconds, shortest first. */
    durations(route: string): number[] {
      const lines = program.log.filter((line) => line.includes(`"${route}"`));
      const took = lines.map((line) => (JSON.parse(line) as { durationMs: number }).durationMs);
      return took.sort((a, b) => a - b);
    },
  };
}
