import { lookup } from 'node:dns/promises';
import { findConnector } from '#runtime/connectors/registry.ts';
import { cloudApi } from '#shared/contract/cloudApi.ts';
import { createIdentities } from '../accounts/identities.ts';
import { createSessionService } from '../accounts/sessionService.ts';
import { createAllowances } from '../billing/allowances.ts';
import { ownAddresses } from '../containers/addressRules.ts';
import { createEgressPolicy } from '../containers/egressPolicy.ts';
import type { Config } from '../platform/config.ts';
import type { Capability } from '../server/capabilities.ts';
import { mount } from '../server/mount.ts';
import type { Platform } from '../server/platform.ts';
import { createConnectionService } from './connectionService.ts';
import { connectPages } from './connectPages.ts';
import { createOAuth } from './oauth.ts';
import { createOutside, type Outside } from './outside.ts';
import { createVault } from './vault.ts';

/** What hosted runs sign in with to other services. */
export function createConnections(platform: Platform): Capability {
  const { db: database, secrets, logger, config } = platform;
  const outside = createPlatformOutside(config);
  const oauth = createOAuth(outside.fetch);
  const vault = createVault({ database, secrets, oauth });
  const allowances = createAllowances({ log: logger });
  const service = createConnectionService({ database, vault, allowances, connectorNamed: findConnector, outside });
  const identities = createIdentities(platform);
  return {
    routers: [
      mount('connections', cloudApi.connections, service, platform, { secret: ['test'] }),
      connectPages({ ...platform, sessions: createSessionService(platform), identities, vault, oauth }),
    ],
  };
}

/** Where the control plane itself may connect to: where containers may. */
export function createPlatformOutside({ egressAllowPrivate: allowPrivate }: Config): Outside {
  const find = (host: string) => lookup(host, { all: true });
  return createOutside(createEgressPolicy({ allowPrivate, own: new Set(ownAddresses()), lookup: find }));
}
