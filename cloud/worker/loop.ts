import type { Logger } from '#shared/log.ts';

/** Work that is repeated, one round after the other. */
export type Loop = {
  /** The next round begins now, or right after the one at work. */
  kick(): void;
  /** No further round; resolves when the one at work is over. */
  stop(): Promise<void>;
};

/** Runs `work` every so often. A round that throws is logged, and the next one comes all the same. */
export function startLoop(name: string, everyMs: number, work: () => Promise<unknown>, logger: Logger): Loop {
  let timer: NodeJS.Timeout | undefined;
  let atWork: Promise<void> | undefined;
  let again = false;
  let stopped = false;

  function plan(delayMs: number): void {
    if (stopped) return;
    clearTimeout(timer);
    timer = setTimeout(round, delayMs);
  }

  function round(): void {
    again = false;
    // Begun in a turn of its own, so that a kick from inside finds it at work.
    atWork = Promise.resolve()
      .then(work)
      .then(
        () => undefined,
        (thrown: unknown) => {
          const error = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
          logger.error('A round of the worker failed; the next one comes.', { loop: name, error });
        },
      )
      .finally(() => {
        atWork = undefined;
        plan(again ? 0 : everyMs);
      });
  }

  plan(0);
  return {
    kick() {
      if (atWork) again = true;
      else plan(0);
    },
    async stop() {
      stopped = true;
      clearTimeout(timer);
      await atWork;
    },
  };
}
