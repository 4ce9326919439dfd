import { contextBridge, type IpcRendererEvent, ipcRenderer } from 'electron';

// Sandboxed and in a world of its own. It holds nothing but these two functions; the main process answers only the calls
// of the contract, each on a channel of its name.
const EVENT_CHANNEL = 'host.event';

contextBridge.exposeInMainWorld(
  'sluice',
  Object.freeze({
    call: (name: unknown, input: unknown): Promise<unknown> => ipcRenderer.invoke(String(name), input),
    subscribe: (listener: (event: unknown) => void): (() => void) => {
      const tell = (_event: IpcRendererEvent, event: unknown) => listener(event);
      ipcRenderer.on(EVENT_CHANNEL, tell);
      return () => {
        ipcRenderer.removeListener(EVENT_CHANNEL, tell);
      };
    },
  }),
);
