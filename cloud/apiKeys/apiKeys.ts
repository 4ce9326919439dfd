import { cloudApi } from '#shared/contract/cloudApi.ts';
import { createIdentities } from '../accounts/identities.ts';
import { createSessionService } from '../accounts/sessionService.ts';
import type { Capability } from '../server/capabilities.ts';
import { mount } from '../server/mount.ts';
import type { Platform } from '../server/platform.ts';
import { apiKeyPages } from './apiKeyPages.ts';
import { createApiKeyService } from './apiKeyService.ts';
import { createKeyring } from './keyring.ts';

export function createApiKeys(platform: Platform): Capability {
  const keys = createApiKeyService({ ...platform, keyring: createKeyring(platform) });
  const sessions = createSessionService(platform);
  return {
    routers: [
      mount('apiKeys', cloudApi.apiKeys, keys, platform, { secret: ['create', 'rotate'] }),
      apiKeyPages({ ...platform, sessions, identities: createIdentities(platform), keys }),
    ],
  };
}
