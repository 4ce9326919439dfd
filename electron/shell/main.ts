import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { app, BrowserWindow, dialog, protocol, screen, session } from 'electron';
import { SluiceError } from '#shared/error.ts';
import { findPlaces } from '../store/dataDir.ts';
import { answerFrom, EDITOR_ORIGIN, SCHEME } from './appProtocol.ts';
import { denyPermissions, keepPagesHome, webPreferences } from './harden.ts';
import { findHostProgram, type HostProcess, startHostProcess } from './hostProcess.ts';
import { canEncrypt, lendTo } from './lend.ts';
import { setMenu } from './menu.ts';
import { serveIpc } from './serveIpc.ts';
import { keepWindow, restoreWindow } from './windowState.ts';

// Fixed for ever: the system's encryption and the app's folder go by these.
const NAME = 'Sluice';
const APP_ID = 'app.sluice.desktop';

const here = import.meta.dirname;
const places = findPlaces(process.env);
const windowFile = join(places.dataDir, 'window.json');
let window: BrowserWindow | undefined;
let host: HostProcess | undefined;

app.setName(NAME);
app.setAppUserModelId(APP_ID);
app.setPath('userData', join(places.dataDir, 'electron'));
app.enableSandbox();
protocol.registerSchemesAsPrivileged([
  { scheme: SCHEME, privileges: { standard: true, secure: true, supportFetchAPI: true } },
]);
keepPagesHome(app);

if (app.requestSingleInstanceLock()) {
  app.on('second-instance', showWindow);
  app.on('activate', showWindow);
  app.on('window-all-closed', () => {
    if (process.platform !== 'darwin') app.quit();
  });
  app.on('before-quit', closeFirst);
  app.whenReady().then(start).catch(fail);
} else app.quit();

async function start(): Promise<void> {
  setMenu(app.isPackaged);
  denyPermissions(session.defaultSession);
  protocol.handle(SCHEME, answerFrom(findRenderer()));
  host = startHostProcess({
    program: findHostProgram(here, app.isPackaged ? process.resourcesPath : undefined),
    env: process.env,
    canEncrypt: await canEncrypt(),
    lent: lendTo(() => window),
    onGone: (reason) => fail(new SluiceError('service.unavailable', reason)),
  });
  serveIpc(host, () => window);
  await host.ready;
  showWindow();
}

/** Brings the window to the front, or makes it: on macOS an app lives on without one. */
function showWindow(): void {
  if (!host) return;
  if (window && !window.isDestroyed()) {
    if (window.isMinimized()) window.restore();
    window.focus();
    return;
  }
  const { maximized, ...bounds } = restoreWindow(
    windowFile,
    screen.getAllDisplays().map((display) => display.workArea),
  );
  const made = new BrowserWindow({
    ...bounds,
    minWidth: 720,
    minHeight: 480,
    show: false,
    title: NAME,
    webPreferences: webPreferences(join(here, 'preload.cjs')),
  });
  window = made;
  if (maximized) made.maximize();
  made.once('ready-to-show', () => made.show());
  made.on('close', () => keepWindow(windowFile, { ...made.getNormalBounds(), maximized: made.isMaximized() }));
  made.on('closed', () => {
    if (window === made) window = undefined;
  });
  // A page that dies is loaded again; what was not saved yet is in the host.
  made.webContents.on('render-process-gone', (_event, { reason }) => {
    if (reason !== 'clean-exit' && !made.isDestroyed()) made.webContents.reload();
  });
  made.loadURL(`${EDITOR_ORIGIN}/`).catch(fail);
}

let closed = false;
/** The host writes what is not written before the app goes. */
function closeFirst(event: { preventDefault(): void }): void {
  if (closed || !host) return;
  event.preventDefault();
  closed = true;
  host.close().finally(() => app.quit());
}

function fail(thrown: unknown): void {
  const { code, message, advice } = SluiceError.from(thrown);
  if (code === 'internal') console.error(thrown);
  dialog.showErrorBox('Sluice cannot go on', [message, advice].filter(Boolean).join('\n'));
  app.exit(1);
}

function findRenderer(): string {
  const dir = join(here, '..', 'renderer');
  if (existsSync(join(dir, 'index.html'))) return dir;
  throw new SluiceError('config.invalid', 'The editor is not built.', { advice: 'Run "npm run build".' });
}
