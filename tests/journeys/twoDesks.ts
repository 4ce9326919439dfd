import { cpSync } from 'node:fs';
import { type AddressInfo, createServer, connect as dial, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import type { Browser, Page } from '@playwright/test';
import { startCloudProcess } from '../fixtures/cloudProcess.ts';
import { startDesktopProcess } from '../fixtures/desktopProcess.ts';
import { freePort } from '../fixtures/freePort.ts';
import { test as base } from './cloudDesk.ts';
import { listenForComplaints, openEditor } from './desk.ts';

/** What lies between the desktops and the control plane. It can be cut, and mended. */
export type Network = { cut(): void; mend(): void };

/** A computer with a desktop of its own on it. */
export type Machine = {
  page: Page;
  /** Where the projects of this computer are. */
  projectsDir: string;
};

type TwoDesksFixtures = {
  wire: Wire;
  network: Network;
  machines: { one: Machine; two: Machine };
};

/** Two computers that reach their control plane over one network. */
export const test = base.extend<TwoDesksFixtures>({
  // biome-ignore lint/correctness/noEmptyPattern: Playwright reads from the pattern which fixtures are needed.
  wire: async ({}, use) => {
    const wire = await layWire();
    await use(wire);
    await wire.end();
  },

  network: async ({ wire }, use) => use(wire),

  // Its address is that of the wire, so that the desktops and the person's browser know it by the same one.
  cloud: async ({ folder, wire }, use, info) => {
    const data = join(folder, 'cloud');
    const cloud = await startCloudProcess({
      SLUICE_DATA: data,
      PORT: String(wire.farPort),
      PUBLIC_URL: wire.url,
      CONTAINER_DRIVER: 'process',
      // Two desktops and two browsers of one person are one address here.
      REQUESTS_PER_MINUTE: '1000',
    });
    await use({ url: cloud.url, mailDir: join(data, 'mail') });
    await cloud.stop();
    if (info.status !== info.expectedStatus) await info.attach('control plane', { body: cloud.log.join('\n') });
  },

  machines: async ({ browser, cloud, folder }, use, info) => {
    const one = await startMachine(browser, cloud.url, join(folder, 'one'));
    const two = await startMachine(browser, cloud.url, join(folder, 'two'));
    await use({ one, two });
    const said = [...(await one.stop()), ...(await two.stop())];
    if (info.status !== info.expectedStatus) {
      await info.attach('desktops', { body: [...one.log, '', ...two.log].join('\n') });
    } else if (said.length > 0) throw new Error(`A page complained:\n${said.join('\n')}`);
  },
});

async function startMachine(browser: Browser, cloudUrl: string, data: string) {
  const desktop = await startDesktopProcess({
    SLUICE_DATA: data,
    SLUICE_VAULT: 'file',
    PORT: '0',
    SLUICE_URL: cloudUrl,
  });
  const context = await browser.newContext();
  const page = await context.newPage();
  const complaints = listenForComplaints(page);
  await openEditor(page, desktop.editorUrl);
  return {
    page,
    projectsDir: join(data, 'projects'),
    log: desktop.log,
    /** @returns what the page complained of */
    async stop(): Promise<string[]> {
      await context.close();
      await desktop.stop();
      return complaints;
    },
  };
}

type Wire = Network & { url: string; farPort: number; end(): Promise<void> };

/** Carries every byte to a port of this computer and back, until it is cut. */
async function layWire(): Promise<Wire> {
  // The control plane must know its public address, and with it the wire its end, before it starts.
  const farPort = await freePort();
  const sockets = new Set<Socket>();
  let whole = true;
  const server = createServer((near) => {
    if (!whole) return void near.destroy();
    const far = dial(farPort, '127.0.0.1');
    const join = (from: Socket, to: Socket) => {
      sockets.add(from);
      from.pipe(to);
      from.on('error', () => to.destroy());
      from.on('close', () => {
        sockets.delete(from);
        to.destroy();
      });
    };
    join(near, far);
    join(far, near);
  });
  await listen(server);
  const cut = () => {
    whole = false;
    for (const socket of sockets) socket.destroy();
  };
  return {
    url: `http://127.0.0.1:${portOf(server)}`,
    farPort,
    cut,
    mend: () => {
      whole = true;
    },
    end: () => {
      cut();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

const listen = (server: Server) => new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
const portOf = (server: Server) => (server.address() as AddressInfo).port;

/** The folder of a project, carried to the other computer as on a stick: what is private to the first stays there. */
export function carryFolder(from: Machine, to: Machine, name: string): string {
  const copy = join(to.projectsDir, name);
  cpSync(join(from.projectsDir, name), copy, { recursive: true, filter: (path) => !path.includes('.sluice') });
  return copy;
}

export { expect } from './desk.ts';
