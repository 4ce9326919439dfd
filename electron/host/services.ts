import type { Places } from '../store/dataDir.ts';
import type { CloudServices } from './cloudServices.ts';
import { type LocalSecrets, memorySecrets } from './localSecrets.ts';
import { signedOut } from './signedOut.ts';

/** What stands beside a host: the cloud's part of it, and the secrets of this computer. */
export type HostServices = { cloud: CloudServices; secrets: LocalSecrets };

/**
 * Opens what browser mode and command line both need beside the host.
 *
 * @param cloudUrl the control plane this computer talks to
 */
export async function openServices({ cloudUrl }: { places: Places; cloudUrl: string }): Promise<HostServices> {
  return { cloud: signedOut(cloudUrl), secrets: memorySecrets() };
}
