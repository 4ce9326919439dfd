import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Router } from 'express';
import { createAccounts } from '../accounts/accounts.ts';
import { createApiKeys } from '../apiKeys/apiKeys.ts';
import { createAudit } from '../audit/audit.ts';
import { createBilling, createPlatformAllowances } from '../billing/billing.ts';
import { createConnections } from '../connections/connections.ts';
import { createContainers } from '../containers/containers.ts';
import { createMailing } from '../notifications/mailing.ts';
import { createNotifications } from '../notifications/notifications.ts';
import { createPrivacy } from '../privacy/privacy.ts';
import { createWorkspaces, type WorkspaceEvents } from '../workspaces/workspaces.ts';
import { createControl } from './control.ts';
import type { Platform } from './platform.ts';

/** One thing the control plane can do, as the server sees it. Everything is optional but a reason to exist. */
export type Capability = {
  /** Made with `mount` and `rawRoute`. */
  routers?: Router[];
  /** The same for the agent listener. */
  agentRouters?: Router[];
  /** WebSockets: what is asked to be upgraded at this path. */
  upgrades?: { path: string; handle(req: IncomingMessage, socket: Duplex, head: Buffer): void }[];
  /** Once the server answers: workers, schedulers. */
  start?(): Promise<void>;
  /** The server is stopping: claim nothing more, hand leases back, tell sockets to reconnect. Requests still come. */
  drain?(): Promise<void>;
  /** The last request is answered. */
  stop?(): Promise<void>;
};

/** Makes what the server serves, in order: one that needs another comes after it. */
export type MakeCapabilities = (platform: Platform) => Promise<Capability[]>;

/** Who may ask: what everything else stands on. */
export const identityCapabilities = async (platform: Platform, events: WorkspaceEvents = {}): Promise<Capability[]> => [
  createAccounts(platform),
  createApiKeys(platform),
  createWorkspaces(platform, events),
  createConnections(platform),
  createAudit(platform),
  createMailing(platform),
  createNotifications(platform),
  createPrivacy(platform, events),
];

/** All of them. */
export const allCapabilities: MakeCapabilities = async (platform) => {
  const allowances = createPlatformAllowances(platform);
  const containers = await createContainers(platform, allowances);
  const { service, runtimeHash } = containers;
  const onPlanChanged = (workspaceId: string) =>
    void service.planChanged(workspaceId).catch((error: unknown) => {
      platform.logger.error('A new plan did not reach its container.', { workspaceId, error: String(error) });
    });
  const onDeleted = (workspaceId: string) =>
    void service.end(workspaceId).catch((error: unknown) => {
      platform.logger.error('The container of a deleted workspace did not stop.', {
        workspaceId,
        error: String(error),
      });
    });
  return [
    ...(await identityCapabilities(platform, {
      onDeleted,
      onPurged: (workspaceId) => service.removeData(workspaceId),
    })),
    await createBilling(platform, { onPlanChanged }),
    // Stopped while their runtimes can still report what they did: after what claims runs, before the listeners close.
    { ...containers, drain: containers.stop, stop: undefined },
    await createControl(platform, { allowances, containers: service, runtimeHash }),
  ];
};
