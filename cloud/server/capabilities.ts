import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Router } from 'express';
import { createAccounts } from '../accounts/accounts.ts';
import { createAudit } from '../audit/audit.ts';
import { createWorkspaces } from '../workspaces/workspaces.ts';
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

/** All of them. One line each; one that needs another is handed it here. */
export async function createCapabilities(platform: Platform): Promise<Capability[]> {
  return [createAccounts(platform), createWorkspaces(platform), createAudit(platform)];
}
