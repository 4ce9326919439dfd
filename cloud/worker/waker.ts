import { SluiceError } from '#shared/error.ts';
import type { Logger } from '#shared/log.ts';
import type { ContainerService } from '../runs/ports.ts';
import type { Signals } from '../runs/signals.ts';

/** Makes sure that a workspace's runtime is up, then tells it to look for work. Never throws. */
export type Waker = (workspaceId: string) => Promise<void>;

/** A thousand doorbells of one workspace ask once. What dies in this time, the reconciler finds. */
const UP_MS = 2_000;

export function createWaker({
  containers,
  signals,
  logger,
}: {
  containers: Pick<ContainerService, 'ensureRunning'>;
  signals: Signals;
  logger: Logger;
}): Waker {
  const asking = new Map<string, Promise<void>>();
  const up = new Map<string, number>();

  async function ask(workspaceId: string): Promise<void> {
    try {
      await containers.ensureRunning(workspaceId);
      if (up.size > 10_000) up.clear();
      up.set(workspaceId, Date.now());
    } catch (thrown) {
      up.delete(workspaceId);
      const { code, message } = SluiceError.from(thrown);
      const error = code === 'internal' && thrown instanceof Error ? (thrown.stack ?? thrown.message) : message;
      logger.warn('A container could not be woken; it is tried again.', { workspaceId, code, error });
    }
  }

  return async (workspaceId) => {
    if (Date.now() - (up.get(workspaceId) ?? 0) > UP_MS) {
      const asked = asking.get(workspaceId) ?? ask(workspaceId).finally(() => asking.delete(workspaceId));
      asking.set(workspaceId, asked);
      await asked;
    }
    signals.publish({ kind: 'work', workspaceId });
  };
}
