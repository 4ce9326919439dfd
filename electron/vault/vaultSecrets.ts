import { BoundConnection } from '#shared/contract/agentApi.ts';
import type { LocalSecrets } from '../host/localSecrets.ts';
import type { SecretStore } from './secretStore.ts';

/** The secrets of local connections, kept in the vault. */
export function vaultSecrets(vault: SecretStore): LocalSecrets {
  const scopeOf = (projectId: string) => `connection:${projectId}`;
  return {
    get: (projectId, name) => {
      const text = vault.get(scopeOf(projectId), name);
      return text === undefined ? undefined : BoundConnection.parse(JSON.parse(text));
    },
    set: (projectId, name, connection) => vault.set(scopeOf(projectId), name, JSON.stringify(connection)),
  };
}
