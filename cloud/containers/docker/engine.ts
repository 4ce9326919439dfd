import Docker from 'dockerode';
import { SluiceError } from '#shared/error.ts';
import type { LocalImage } from '../image/runtimeImage.ts';

/** An engine that answers within the time, or undefined. The address is dockerode's default or `DOCKER_HOST`. */
export async function findEngine(withinMs: number): Promise<Docker | undefined> {
  const docker = new Docker();
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), withinMs);
  });
  const answered = docker.ping().then(
    () => docker,
    () => undefined,
  );
  const found = await Promise.race([answered, late]);
  clearTimeout(timer);
  return found;
}

/** Builds the image from the local tree if the engine does not have it. Nothing is pulled. */
export async function ensureImage(docker: Docker, image: LocalImage): Promise<void> {
  const known = await docker.listImages({ filters: JSON.stringify({ reference: [image.tag] }) });
  if (known.length > 0) return;
  const output = await docker.buildImage(image.context(), { t: image.tag, rm: true, forcerm: true });
  await new Promise<void>((resolve, reject) => {
    docker.modem.followProgress(output, (error: Error | null, lines: { error?: string }[] | undefined) => {
      const failed = error?.message ?? lines?.find((line) => line.error)?.error;
      if (failed === undefined) return resolve();
      reject(
        new SluiceError('container.not_available', `The engine could not build the image ${image.tag}: ${failed}.`),
      );
    });
  });
}

/** Whether an engine's error says that the thing is not there, or is that way already. */
export function hasStatus(thrown: unknown, ...statuses: number[]): boolean {
  const status = (thrown as { statusCode?: unknown } | null)?.statusCode;
  return typeof status === 'number' && statuses.includes(status);
}

/** Swallows exactly these answers of the engine. */
export function unless(...statuses: number[]): (thrown: unknown) => undefined {
  return (thrown) => {
    if (hasStatus(thrown, ...statuses)) return undefined;
    throw thrown;
  };
}
