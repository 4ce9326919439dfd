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
import { accountPageRouter } from './accountPages.ts';
import { erasureTick } from './erasePerson.ts';
import { createExports, exportRouter } from './exportRoutes.ts';
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
  const exports = createExports(platform);
  const sessions = createSessionService(platform);
  let loop: Loop | undefined;
  return {
    routers: [
      mount('account', cloudApi.account, deletion, platform, { secret: ['delete'] }),
      exportRouter(exports, platform),
      restorePageRouter({ ...platform, sessions, deletion }),
      accountPageRouter({ ...platform, sessions, deletion, exports }),
    ],
    async start() {
      loop = startLoop('erasure', TICK_MS, () => erasureTick({ ...platform, onPurged }), platform.logger);
    },
    drain: async () => loop?.stop(),
  };
}
