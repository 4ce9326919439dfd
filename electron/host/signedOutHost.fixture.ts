import { join } from 'node:path';
import { type Client, createClient } from '#shared/contract/contract.ts';
import { type HostApi, hostApi } from '#shared/contract/hostApi.ts';
import type { Host } from './host.ts';
import { memorySecrets } from './localSecrets.ts';
import type { Shell } from './preferences.ts';
import { signedOut } from './signedOut.fixture.ts';
import { startHost } from './startHost.ts';

/** The host of a desktop that nobody signed in on, over a data folder, and a client that asks it. The caller closes it. */
export function startSignedOutHost(
  dataDir: string,
  { program = 'The test', shell = { kind: 'browser', keychain: false } }: { program?: string; shell?: Shell } = {},
): { host: Host; client: Client<HostApi> } {
  const host = startHost({
    places: { dataDir, projectsDir: join(dataDir, 'projects'), checkout: undefined },
    cloud: signedOut('http://127.0.0.1:4400'),
    secrets: memorySecrets(),
    shell,
    program,
    version: '0.1.0',
  });
  return { host, client: createClient(hostApi, host.call) };
}
