import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { SluiceError } from '#shared/error.ts';
import { reachControlPlane } from '../cli/controlPlane.ts';
import { openServices } from '../host/services.ts';
import { startHost } from '../host/startHost.ts';
import { VERSION } from '../host/version.ts';
import { findPlaces } from '../store/dataDir.ts';
import { takeInstance } from './instance.ts';
import { hasDisplay, openBrowser, shouldOpen } from './openBrowser.ts';
import { serveHost } from './serveHost.ts';

/** The desktop in a browser tab: the host, its runners and, unless `SLUICE_URL` names another one, a control plane. */
async function main(): Promise<void> {
  const places = findPlaces(process.env);
  const surroundings = { env: process.env, platform: process.platform, isTerminal: process.stdout.isTTY };
  const show = async (url: string) => {
    if (shouldOpen(surroundings, process.argv)) await openBrowser(url);
  };

  const taken = await takeInstance(places.dataDir);
  if ('running' in taken) {
    console.log(`Sluice runs already.\nEditor  ${taken.running}`);
    return show(taken.running);
  }
  const undo: (() => unknown)[] = [() => taken.instance.release()];
  const stop = onceStopped(undo);
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
  try {
    const plane = await reachControlPlane(places, process.env, (line) => console.error(line));
    if (plane.stop) undo.push(plane.stop);
    const { vault, cloud, secrets } = await openServices({ places, cloudUrl: plane.url, env: process.env });
    const opens = hasDisplay(surroundings) ? { openExternal: openBrowser } : {};
    const host = startHost({
      ...{ places, cloud, secrets, program: 'The desktop', version: VERSION },
      shell: { kind: 'browser', keychain: vault.kind === 'keychain', ...opens },
    });
    undo.push(host.close);
    await host.makeSample();
    const served = await serveHost({ host, rendererDir: findRenderer(places.checkout) });
    undo.push(served.close);
    taken.instance.announce(served.url);
    // Whoever named one has said where it is.
    if (plane.stop) console.log(`Control plane  ${plane.url}`);
    console.log(`Editor  ${served.url}`);
    console.log('Ready.');
    await show(served.url);
  } catch (thrown) {
    await unwind(undo);
    throw thrown;
  }
}

/** The built editor: beside the bundled host, or in the checkout's build. */
function findRenderer(checkout: string | undefined): string {
  const places = [
    join(import.meta.dirname, '..', 'renderer'),
    ...(checkout ? [join(checkout, 'build/out/renderer')] : []),
  ];
  const found = places.find((place) => existsSync(join(place, 'index.html')));
  if (found) return found;
  throw new SluiceError('config.invalid', 'The editor is not built.', { advice: 'Run "npm run build".' });
}

function onceStopped(undo: (() => unknown)[]): () => void {
  return () => {
    // Within half a minute, whatever hangs.
    setTimeout(() => process.exit(1), 30_000).unref();
    void unwind(undo).then(() => process.exit(0));
  };
}

async function unwind(undo: (() => unknown)[]): Promise<void> {
  for (const step of undo.splice(0).reverse()) {
    try {
      await step();
    } catch (thrown) {
      console.error(thrown);
    }
  }
}

main().catch((thrown: unknown) => {
  const { code, message, advice } = SluiceError.from(thrown);
  if (code === 'internal') console.error(thrown);
  else console.error(`${message}${advice ? `\n${advice}` : ''}`);
  process.exit(1);
});
