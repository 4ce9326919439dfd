import type { Places } from '../store/dataDir.ts';
import { openVault } from '../vault/openVault.ts';
import { vaultSecrets } from '../vault/vaultSecrets.ts';
import type { CloudServices } from './cloudServices.ts';
import type { LocalSecrets } from './localSecrets.ts';
import { signedOut } from './signedOut.ts';

/** What stands beside a host: the cloud's part of it, and the secrets of this computer. */
export type HostServices = {
  cloud: CloudServices;
  secrets: LocalSecrets;
  /** Whether secrets are kept in the system's keychain. */
  keychain: boolean;
};

/**
 * Opens what browser mode and command line both need beside the host.
 *
 * @param cloudUrl the control plane this computer talks to
 * @throws SluiceError vault.locked, config.invalid
 */
export async function openServices(deps: {
  places: Places;
  cloudUrl: string;
  env: Record<string, string | undefined>;
}): Promise<HostServices> {
  const vault = await openVault({ env: deps.env, dataDir: deps.places.dataDir });
  return { cloud: signedOut(deps.cloudUrl), secrets: vaultSecrets(vault), keychain: vault.kind === 'keychain' };
}
