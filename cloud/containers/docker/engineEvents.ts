import type Docker from 'dockerode';
import type { Logger } from '#shared/log.ts';

const AGAIN_MS = 1_000;

export type EngineListener = {
  /** A container of the installation ended. */
  onEnd(ref: string, labels: Readonly<Record<string, string>>): void;
  /** Events may have been missed: look at what is there. */
  onGap(): Promise<void>;
};

/**
 * Tells of every end of a container of the installation. A stream that breaks off is opened again until the returned
 * function is called. Resolves once the first is open.
 */
export async function followEnds(
  { docker, installation, log }: { docker: Docker; installation: string; log: Logger },
  listener: EngineListener,
): Promise<() => void> {
  const filters = JSON.stringify({
    type: ['container'],
    event: ['die'],
    label: [`sluice.installation=${installation}`],
  });
  let ended = false;
  let endStream = () => {};

  async function open(): Promise<void> {
    if (ended) return;
    const events = await docker.getEvents({ filters });
    endStream = () => (events as unknown as { destroy(): void }).destroy();
    let rest = '';
    events.on('data', (chunk: Buffer) => {
      const lines = (rest + chunk.toString()).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) if (line.trim()) hear(line);
    });
    events.on('error', () => {});
    events.once('close', () => {
      if (ended) return;
      log.warn('The event stream of the Docker engine ended; asking again in a second.');
      openLater();
    });
  }

  function openLater(): void {
    setTimeout(() => {
      open()
        .then(() => listener.onGap())
        .catch(openLater);
    }, AGAIN_MS).unref();
  }

  function hear(line: string): void {
    type Event = { id?: string; Actor?: { ID: string; Attributes: Record<string, string> } };
    const { id, Actor } = JSON.parse(line) as Event;
    const ref = Actor?.ID ?? id;
    if (ref) listener.onEnd(ref, Actor?.Attributes ?? {});
  }

  await open();
  return () => {
    ended = true;
    endStream();
  };
}
