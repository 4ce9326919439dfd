import { z } from 'zod';
import { SluiceError } from '#shared/error.ts';
import { parse } from '#shared/parse.ts';
import { reachControlPlane } from '../cli/controlPlane.ts';
import { findPlaces } from '../store/dataDir.ts';
import { openStdio } from './serveStdio.ts';
import { openServices } from './services.ts';
import { startHost } from './startHost.ts';
import { VERSION } from './version.ts';

/** The host as the shell starts it: a process of its own on our Node, which talks over its standard input and output. */
async function main(): Promise<void> {
  // Whatever is printed by anybody must not end up between the lines of the protocol.
  console.log = console.info = console.error;
  const line = openStdio(process);
  // Ctrl-C in a terminal reaches everybody; the shell closes the line when it is done.
  process.on('SIGINT', () => undefined);
  const undo: (() => unknown)[] = [];
  try {
    const { canEncrypt } = await line.hello;
    const places = findPlaces(process.env);
    const plane = await reachControlPlane(places, process.env, (notice) => console.error(notice));
    if (plane.stop) undo.push(plane.stop);
    const text = async (what: 'encrypt' | 'decrypt', input: string) =>
      parse(z.string(), await line.ask(what, input), `What the shell gives for ${what}`);
    const services = await openServices({
      places,
      cloudUrl: plane.url,
      env: process.env,
      ...(canEncrypt
        ? { wrapper: { encrypt: (plain) => text('encrypt', plain), decrypt: (sealed) => text('decrypt', sealed) } }
        : {}),
    });
    const { cloud, secrets, vault } = services;
    const host = startHost({
      places,
      cloud,
      secrets,
      shell: {
        kind: 'electron',
        keychain: vault.kind === 'keychain',
        chooseFolder: async () =>
          z
            .string()
            .optional()
            .parse((await line.ask('chooseFolder')) ?? undefined),
        openExternal: async (url) => {
          await line.ask('openExternal', url);
        },
      },
      program: 'The desktop',
      version: VERSION,
    });
    undo.push(host.close);
    await host.makeSample();
    line.serve(host);
    await line.closed;
  } catch (thrown) {
    const error = SluiceError.from(thrown);
    if (error.code === 'internal') console.error(thrown);
    line.say({ failed: { message: error.message, ...(error.advice ? { advice: error.advice } : {}) } });
    process.exitCode = 1;
  }
  // Within half a minute, whatever hangs.
  setTimeout(() => process.exit(), 30_000).unref();
  for (const step of undo.reverse()) await Promise.resolve(step()).catch((thrown: unknown) => console.error(thrown));
  process.exit();
}

await main();
