import { cloudApi } from '#shared/contract/cloudApi.ts';
import type { Capability } from '../server/capabilities.ts';
import { mount } from '../server/mount.ts';
import type { Platform } from '../server/platform.ts';
import { createAccountService } from './accountService.ts';
import { createAttempts } from './attempts.ts';
import { createDeviceFlow } from './deviceFlow.ts';
import { createFailedSignIns } from './failedSignIns.ts';
import { createOwnSessions } from './ownSessions.ts';
import { pageRouter } from './pages/pageRouter.ts';
import { createPasswordCheck } from './passwordCheck.ts';
import { createGithub } from './providers/github.ts';
import { createGoogle } from './providers/google.ts';
import type { Provider } from './providers/provider.ts';
import { createProviderSignIn } from './providers/providerSignIn.ts';
import { createSecondFactor } from './secondFactor.ts';
import { createSessionService } from './sessionService.ts';

export function createAccounts(platform: Platform): Capability {
  const sessions = createSessionService(platform);
  const attempts = createAttempts(platform);
  const passwords = createPasswordCheck({ ...platform, failed: createFailedSignIns(attempts) });
  const factor = createSecondFactor({ ...platform, ...passwords, attempts });
  const devices = createDeviceFlow({ ...platform, sessions, attempts });
  const own = createOwnSessions(platform);
  const providers = createProviderSignIn({ ...platform, providers: providersOf(platform) });
  const service = createAccountService({ ...platform, ...passwords, attempts, sessions, factor, devices });
  return {
    routers: [
      mount('auth', cloudApi.auth, service, platform, { secret: ['changePassword'] }),
      mount('sessions', cloudApi.sessions, own, platform),
      mount('secondFactor', cloudApi.secondFactor, factor, platform, {
        secret: ['enrol', 'confirm', 'renewCodes', 'disable'],
      }),
      pageRouter({ ...platform, sessions, accounts: service, factor, devices, providers, own }),
    ],
  };
}

/** Those that are set up; the pages show no others. */
function providersOf({ config: { github, google } }: Platform): Provider[] {
  return [...(github ? [createGithub(github)] : []), ...(google ? [createGoogle(google)] : [])];
}
