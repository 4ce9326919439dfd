import { findConnector } from '#runtime/connectors/registry.ts';
import { cloudApi } from '#shared/contract/cloudApi.ts';
import { createAllowances } from '../billing/allowances.ts';
import type { Capability } from '../server/capabilities.ts';
import { mount } from '../server/mount.ts';
import type { Platform } from '../server/platform.ts';
import { createConnectionService } from './connectionService.ts';
import { createVault } from './vault.ts';

/** What hosted runs sign in with to other services. */
export function createConnections(platform: Platform): Capability {
  const { db: database, secrets, logger } = platform;
  const vault = createVault({ database, secrets });
  const service = createConnectionService({
    database,
    vault,
    allowances: createAllowances({ log: logger }),
    connectorNamed: findConnector,
  });
  return { routers: [mount('connections', cloudApi.connections, service, platform)] };
}
