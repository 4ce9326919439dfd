import { SluiceError } from '#shared/error.ts';
import type { FilesPort } from './ports.ts';

/** The storage of a place that has none. */
export function noFiles(): FilesPort {
  const refuse = () =>
    Promise.reject(
      new SluiceError('host.not_supported', 'There is no storage for files here.', {
        advice: 'Run the workflow on the desktop, with sluice serve, or hosted.',
      }),
    );
  return { load: refuse, part: refuse, save: refuse, list: refuse, remove: refuse };
}
