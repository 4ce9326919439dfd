import { type BrowserWindow, ipcMain } from 'electron';
import { callNames } from '#shared/contract/contract.ts';
import { hostApi } from '#shared/contract/hostApi.ts';
import { SluiceError } from '#shared/error.ts';
import { wrap } from '../host/wrap.ts';
import { EDITOR_ORIGIN } from './appProtocol.ts';
import type { HostProcess } from './hostProcess.ts';

/** What the host tells goes to the editor on this channel; the preload script listens to it. */
export const EVENT_CHANNEL = 'host.event';

/**
 * One channel per call of the contract, and no other. Only the top frame of the editor's window is answered.
 *
 * @param window the editor's, while there is one
 */
export function serveIpc(host: Pick<HostProcess, 'call' | 'subscribe'>, window: () => BrowserWindow | undefined): void {
  for (const name of callNames(hostApi)) {
    ipcMain.handle(name, (event, input: unknown) =>
      wrap(async () => {
        const { senderFrame } = event;
        const ours = senderFrame !== null && senderFrame === window()?.webContents.mainFrame;
        if (!ours || !senderFrame.url.startsWith(`${EDITOR_ORIGIN}/`)) {
          throw new SluiceError('access.denied', 'Only the editor’s window may call the host.');
        }
        return host.call(name, input);
      }),
    );
  }
  host.subscribe((event) => {
    const editor = window();
    if (editor && !editor.isDestroyed()) editor.webContents.send(EVENT_CHANNEL, event);
  });
}
