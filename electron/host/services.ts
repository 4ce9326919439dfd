import type { Places } from '../store/dataDir.ts';
import { type ConnectedCloud, connectCloud } from '../sync/connectCloud.ts';
import type { KeyWrapper } from '../vault/dataKey.ts';
import { openVault } from '../vault/openVault.ts';
import type { SecretStore } from '../vault/secretStore.ts';
import { vaultSecrets } from '../vault/vaultSecrets.ts';
import type { LocalSecrets } from './localSecrets.ts';
import { VERSION } from './version.ts';

/** What stands beside a host: the cloud's part of it, and the secrets of this computer. */
export type HostServices = { cloud: ConnectedCloud; secrets: LocalSecrets; vault: SecretStore };

/**
 * Opens what shell, browser mode and command line all need beside the host. Asks nobody yet.
 *
 * @param cloudUrl the control plane this computer talks to
 * @throws SluiceError vault.locked, config.invalid
 */
export async function openServices(deps: {
  places: Places;
  cloudUrl: string;
  env: Record<string, string | undefined>;
  /** A program’s key in place of a person’s sign-in. */
  apiKey?: string;
  /** What a shell with windows lends of the system's encryption. */
  wrapper?: KeyWrapper;
}): Promise<HostServices> {
  const { places, cloudUrl, env, wrapper, apiKey } = deps;
  const vault = await openVault({ env, dataDir: places.dataDir, ...(wrapper ? { wrapper } : {}) });
  const cloud = connectCloud({
    cloudUrl,
    dataDir: places.dataDir,
    vault,
    version: VERSION,
    ...(apiKey ? { apiKey } : {}),
  });
  return { cloud, secrets: vaultSecrets(vault), vault };
}
