import type { BoundConnection } from '#shared/contract/agentApi.ts';

/** The secrets of connections on this computer, by project and by the connection record's name. */
export type LocalSecrets = {
  get(projectId: string, name: string): BoundConnection | undefined;
  set(projectId: string, name: string, connection: BoundConnection): Promise<void>;
};

/** Kept as long as this process lives, without a vault. */
export function memorySecrets(): LocalSecrets {
  const kept = new Map<string, BoundConnection>();
  return {
    get: (projectId, name) => kept.get(`${projectId}/${name}`),
    set: async (projectId, name, connection) => {
      kept.set(`${projectId}/${name}`, connection);
    },
  };
}
