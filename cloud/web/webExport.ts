import { Router } from 'express';
import { SluiceError } from '#shared/error.ts';
import { Uuid } from '#shared/ids.ts';
import { parse } from '#shared/parse.ts';
import type { Exports } from '../privacy/exportRoutes.ts';
import type { Actor, SignedIn } from '../server/actor.ts';
import type { MountDeps } from '../server/mount.ts';
import { rawRoute } from '../server/rawRoute.ts';
import { askerFor, type InnerDeps } from './innerClient.ts';

export type WebExportDeps = MountDeps &
  InnerDeps & {
    publicUrl: string;
    exports: Pick<Exports, 'workspace'>;
    signedIn(cookies: string | undefined): Promise<SignedIn | undefined>;
  };

/** The export of a workspace for the web, which has a cookie and no token. Asked from a page of ours only. */
export function webExport(deps: WebExportDeps): Router {
  const { publicUrl, exports, limits, signedIn } = deps;
  const origin = new URL(publicUrl).origin;
  const router = Router();
  rawRoute(
    router,
    { name: 'web.export', method: 'POST', path: '/app/export', access: 'public', rate: 'write' },
    async (req, res, caller) => {
      if (req.get('origin') !== origin) {
        throw new SluiceError('access.denied', 'This was not asked from a page of ours.', {
          advice: `Open ${publicUrl} and try again.`,
        });
      }
      const session = await signedIn(req.get('cookie'));
      if (!session)
        throw new SluiceError('access.unauthenticated', 'You are not signed in.', { advice: 'Sign in first.' });
      await limits.take('write', session.userId);
      const workspaceId = parse(Uuid, req.get('sluice-workspace'), 'The workspace');
      const actor = await askerFor(deps, { ...caller, session }, 'data:export', workspaceId.toLowerCase());
      await exports.workspace(res, actor as Actor);
    },
    deps,
  );
  return router;
}
