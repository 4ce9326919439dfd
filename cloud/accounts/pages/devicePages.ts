import type { Clock } from '../../platform/clock.ts';
import type { Database } from '../../platform/database.ts';
import { listWorkspaces } from '../../workspaces/workspaceStore.ts';
import type { DeviceFlow } from '../deviceFlow.ts';
import { confirmDevicePage, deviceDecidedPage, enterCodePage } from './deviceViews.ts';
import { formOf, orAgain, type Pages, send } from './pages.ts';

type DevicePageDeps = { db: Database; clock: Clock; devices: DeviceFlow };

/** A person enters the code of a program without a browser, looks at who it is, and decides. */
export function devicePages({ add, mustBeSignedIn }: Pages, { db, clock, devices }: DevicePageDeps): void {
  add('GET', '/device', 'enterCode', 'read', async (req, res) => {
    if (await mustBeSignedIn(req, res)) send(res, enterCodePage(''));
  });

  add('POST', '/device', 'lookUpCode', 'sign_in', async (req, res, caller) => {
    const session = await mustBeSignedIn(req, res);
    if (!session) return;
    const { code = '' } = formOf(req);
    const attempt = async () => {
      const device = await devices.find(code, session);
      const workspaces = (await listWorkspaces(db, session.userId)).map(({ name }) => name);
      const view = { device, email: session.email, yourIp: caller.ip, workspaces, now: clock.now() };
      send(res, confirmDevicePage(view));
    };
    await orAgain(attempt, res, (problem) => enterCodePage(code, problem));
  });

  add('POST', '/device/decide', 'decideDevice', 'sign_in', async (req, res, caller) => {
    const session = await mustBeSignedIn(req, res);
    if (!session) return;
    const { code = '', decision } = formOf(req);
    const allowed = decision === 'allow';
    const attempt = async () => {
      await devices.decide(code, allowed, session, caller);
      send(res, deviceDecidedPage(allowed));
    };
    await orAgain(attempt, res, (problem) => enterCodePage('', problem));
  });
}
