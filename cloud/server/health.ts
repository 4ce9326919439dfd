import { Router } from 'express';
import { SluiceError } from '#shared/error.ts';
import type { Database } from '../platform/database.ts';
import type { Metrics } from '../platform/metrics.ts';
import type { MountDeps } from './mount.ts';
import { rawRoute } from './rawRoute.ts';

export type HealthDeps = MountDeps & {
  db: Database;
  metrics: Metrics;
  metricsPublic: boolean;
  isDraining: () => boolean;
};

const LOOPBACK = new Set(['127.0.0.1', '::1', '::ffff:127.0.0.1']);

/** `/livez`: the process lives. `/readyz`: send work here. `/metrics`: Prometheus text, for this computer only unless set otherwise. */
export function healthRouter(deps: HealthDeps): Router {
  const { db, metrics, metricsPublic, isDraining } = deps;
  const router = Router();
  const route = (name: string, path: string) =>
    ({ name, method: 'GET', path, access: 'public', rate: 'monitor' }) as const;

  rawRoute(router, route('health.live', '/livez'), (_req, res) => void res.json({ status: 'ok' }), deps);

  rawRoute(
    router,
    route('health.ready', '/readyz'),
    async (_req, res) => {
      if (isDraining()) throw new SluiceError('service.draining', 'This process is stopping.');
      if (!(await db.ping())) throw new SluiceError('service.unavailable', 'The database does not answer.');
      res.json({ status: 'ok' });
    },
    deps,
  );

  rawRoute(
    router,
    route('health.metrics', '/metrics'),
    async (req, res, { ip }) => {
      // What a proxy hands on is somebody else's, also where nobody told us that there is one.
      const isHere = LOOPBACK.has(ip) && req.get('x-forwarded-for') === undefined && req.get('forwarded') === undefined;
      if (!metricsPublic && !isHere) throw new SluiceError('request.not_found', 'There is nothing here.');
      res.type(metrics.contentType).send(await metrics.text());
    },
    deps,
  );
  return router;
}
