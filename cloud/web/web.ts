import { v7 as uuid } from 'uuid';
import type { StepCatalog } from '#shared/workflow/catalog.ts';
import { createIdentities } from '../accounts/identities.ts';
import { cookieNameOf, readCookie } from '../accounts/pages/cookie.ts';
import { createSessionService } from '../accounts/sessionService.ts';
import { createExports } from '../privacy/exportRoutes.ts';
import { findProject } from '../projects/projectStore.ts';
import type { Signals } from '../runs/signals.ts';
import type { Capability } from '../server/capabilities.ts';
import type { Platform } from '../server/platform.ts';
import { findTemplates } from './templates.ts';
import { webExport } from './webExport.ts';
import { createWebHost } from './webHost.ts';
import { findRenderer, webPages } from './webPages.ts';
import { createWebSockets } from './webSocket.ts';

export type WebDeps = {
  signals: Signals;
  stepTypes: StepCatalog;
  runtimeHash: string;
};

/** The editor in a browser: its page, and the socket that answers it as a host does. */
export function createWeb(
  platform: Platform,
  { signals, stepTypes, runtimeHash }: WebDeps,
): Required<Pick<Capability, 'routers' | 'upgrades' | 'drain'>> {
  const { db, clock, publicUrl, calls, limits, logger } = platform;
  const sessions = createSessionService(platform);
  const identities = createIdentities({ db, clock });
  const cookieName = cookieNameOf(publicUrl);
  const signedIn = async (cookies: string | undefined) => {
    const cookie = readCookie(cookies, cookieName);
    return cookie === undefined ? undefined : sessions.browserSession(cookie);
  };
  const host = {
    ...{ calls, identities, limits, stepTypes, publicUrl, runtimeHash, uuid },
    version: VERSION,
    templatesDir: findTemplates(),
    publish: signals.publish,
    now: () => clock.now().getTime(),
    hasProject: (workspaceId: string, projectId: string) =>
      db.withWorkspaceSql({ workspaceId }, async (sql) => !!(await findProject(sql, workspaceId, projectId))),
  };
  const sockets = createWebSockets({
    ...{ publicUrl, limits, logger, signals, signedIn, uuid },
    trustProxy: platform.config.trustProxy,
    makeHost: (who, emit) => createWebHost(host, who, emit),
  });
  return {
    routers: [
      // Before the page of every other address below `/app`.
      webExport({ ...platform, identities, signedIn, exports: createExports(platform) }),
      webPages({ ...platform, rendererDir: findRenderer(), signedIn }),
    ],
    upgrades: [{ path: '/app/host', handle: sockets.handle }],
    drain: async () => sockets.drain(),
  };
}

/** Of the program; a test keeps it equal to package.json. */
export const VERSION = '0.1.0';
