import { mkdirSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { startControlPlane } from './controlPlane.ts';
import { type Control, type ControlPace, measureControl } from './measureControl.ts';
import { measureSync, type Sync } from './measureSync.ts';
import { makeTenants } from './tenants.ts';

export type Cloud = {
  at: string;
  /** Of the last minute, when each of the two began. */
  load: { sync: number; control: number };
  control: Control;
  sync: Sync;
};

/** Each of the connections is a desktop whose person asks once in twenty seconds. */
export const CONTROL_PACE: ControlPace = {
  connections: 1_000,
  perSecond: 50,
  seconds: 30,
  warmSeconds: 8,
  seed: 'bench',
};
const WORKSPACES = 100;

/** The control plane as it is built, on a Postgres and a Redis of its own: under load, and what sync promises. */
export async function measureCloud(
  { scratch }: { scratch: string },
  say: (line: string) => void,
): Promise<Cloud | { skipped: string }> {
  if (process.platform !== 'linux')
    return { skipped: 'Each workspace asks from an address of 127.0.0.0/8, which Linux has.' };
  const load = { sync: loadNow(), control: 0 };
  const place = (name: string) => {
    const dir = join(scratch, name);
    mkdirSync(dir, { recursive: true });
    return dir;
  };
  say('Starting the control plane for one project');
  // Four writers ask more often than people do.
  const first = await startControlPlane(place('sync'), { REQUESTS_PER_MINUTE: '100000' });
  let sync: Sync;
  try {
    const [tenant] = await makeTenants(first, 1, say);
    if (!tenant) throw new Error('There is a tenant.');
    sync = await measureSync(first, tenant, { scratch, say });
  } finally {
    await first.stop();
  }
  load.control = loadNow();
  say(`Starting the control plane for ${WORKSPACES} workspaces`);
  const second = await startControlPlane(place('control'));
  try {
    const tenants = await makeTenants(second, WORKSPACES, say);
    const control = await measureControl(second, tenants, CONTROL_PACE, say);
    return { at: new Date().toISOString(), load, control, sync };
  } finally {
    await second.stop();
  }
}

const loadNow = () => Math.round((loadavg()[0] ?? 0) * 100) / 100;
