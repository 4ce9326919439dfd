import { cloudApi } from '#shared/contract/cloudApi.ts';
import type { Capability } from '../server/capabilities.ts';
import { mount } from '../server/mount.ts';
import type { Platform } from '../server/platform.ts';
import { createAccountService } from './accountService.ts';
import { createFailedSignIns } from './failedSignIns.ts';
import { createOwnSessions } from './ownSessions.ts';
import { pageRouter } from './pages/pageRouter.ts';
import { createSessionService } from './sessionService.ts';

export function createAccounts(platform: Platform): Capability {
  const sessions = createSessionService(platform);
  const service = createAccountService({ ...platform, sessions, failed: createFailedSignIns() });
  return {
    routers: [
      mount('auth', cloudApi.auth, service, platform),
      mount('sessions', cloudApi.sessions, createOwnSessions(platform), platform),
      pageRouter({ ...platform, sessions, accounts: service }),
    ],
  };
}
