import { cloudApi } from '#shared/contract/cloudApi.ts';
import type { Capability } from '../server/capabilities.ts';
import { mount } from '../server/mount.ts';
import type { Platform } from '../server/platform.ts';
import { createApiKeyService } from './apiKeyService.ts';
import { createKeyring } from './keyring.ts';

export function createApiKeys(platform: Platform): Capability {
  const service = createApiKeyService({ ...platform, keyring: createKeyring(platform) });
  return { routers: [mount('apiKeys', cloudApi.apiKeys, service, platform, { secret: ['create', 'rotate'] })] };
}
