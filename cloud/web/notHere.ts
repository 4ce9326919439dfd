import { SluiceError } from '#shared/error.ts';

/** For what only a computer of the person's own can do. `host.describe` says so, so the editor does not ask. */
export function notHere(what: string): SluiceError {
  return new SluiceError('host.not_supported', what, { advice: 'Open the project on the desktop for that.' });
}
