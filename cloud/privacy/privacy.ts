import { cloudApi } from '#shared/contract/cloudApi.ts';
import { createAttempts } from '../accounts/attempts.ts';
import { createFailedSignIns } from '../accounts/failedSignIns.ts';
import { createPasswordCheck } from '../accounts/passwordCheck.ts';
import { createSessionService } from '../accounts/sessionService.ts';
import { createAllowances } from '../billing/allowances.ts';
import type { Capability } from '../server/capabilities.ts';
import { mount } from '../server/mount.ts';
import type { Platform } from '../server/platform.ts';
import { type Loop, startLoop } from '../worker/loop.ts';
import type { WorkspaceEvents } from '../workspaces/workspaces.ts';
import { createAccountDeletion } from './accountDeletion.ts';
import { erasureTick } from './erasePerson.ts';
import { exportRouter } from './exportRoutes.ts';
import { restorePageRouter } from './restorePage.ts';

const TICK_MS = 60_000;

/** What people may ask of their data: to have it, and to be forgotten. */
export function createPrivacy(
  platform: Platform,
  { onDeleted = () => undefined, onPurged = async () => undefined }: WorkspaceEvents = {},
): Capability {
  const { confirmPassword } = createPasswordCheck({
    ...platform,
    failed: createFailedSignIns(createAttempts(platform)),
  });
  const allowances = createAllowances({ log: platform.logger });
  const deletion = createAccountDeletion({ ...platform, confirmPassword, allowances, onDeleted });
  let loop: Loop | undefined;
  return {
    routers: [
      mount('account', cloudApi.account, deletion, platform, { secret: ['delete'] }),
      exportRouter(platform, platform),
      restorePageRouter({ ...platform, sessions: createSessionService(platform), deletion }),
    ],
    async start() {
      loop = startLoop('erasure', TICK_MS, () => erasureTick({ ...platform, onPurged }), platform.logger);
    },
    drain: async () => loop?.stop(),
  };
}
