import { editor, now } from '../state/store.ts';

/** Opens an address in the system browser; in a browser tab, beside this one. */
export async function openAddress(url: string): Promise<void> {
  if (now().host?.shell !== 'electron') {
    window.open(url, '_blank', 'noopener');
    return;
  }
  await editor()
    .client.host.openExternal({ url })
    .catch((thrown: unknown) => now().fail(thrown, 'The page did not open'));
}
