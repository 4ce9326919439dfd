import type { Places } from '../store/dataDir.ts';
import { type ConnectedCloud, connectCloud } from '../sync/connectCloud.ts';
import { openVault } from '../vault/openVault.ts';
import type { SecretStore } from '../vault/secretStore.ts';
import { vaultSecrets } from '../vault/vaultSecrets.ts';
import type { LocalSecrets } from './localSecrets.ts';
import { VERSION } from './version.ts';

/** What stands beside a host: the cloud's part of it, and the secrets of this computer. */
export type HostServices = { cloud: ConnectedCloud; vault: SecretStore; secrets: LocalSecrets };

/**
 * Opens what browser mode and command line both need beside the host. Asks nobody yet.
 *
 * @param cloudUrl the control plane this computer talks to
 * @throws SluiceError vault.locked, config.invalid
 */
export async function openServices(deps: {
  places: Places;
  cloudUrl: string;
  env: Record<string, string | undefined>;
}): Promise<HostServices> {
  const { places, cloudUrl, env } = deps;
  const vault = await openVault({ env, dataDir: places.dataDir });
  const cloud = connectCloud({ cloudUrl, dataDir: places.dataDir, vault, version: VERSION });
  return { cloud, vault, secrets: vaultSecrets(vault) };
}
