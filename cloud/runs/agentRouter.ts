import { type Request, type Response, Router } from 'express';
import { z } from 'zod';
import { readBody } from '#runtime/connectors/trigger/readBody.ts';
import { agentApi } from '#shared/contract/agentApi.ts';
import { SluiceError } from '#shared/error.ts';
import { Hash } from '#shared/ids.ts';
import { parse } from '#shared/parse.ts';
import type { Blobs } from '../platform/blobs.ts';
import type { Database } from '../platform/database.ts';
import type { Caller } from '../server/actor.ts';
import { checkDepth } from '../server/bodyDepth.ts';
import type { MountDeps } from '../server/mount.ts';
import { rawRoute } from '../server/rawRoute.ts';
import type { AgentService } from './agentService.ts';
import type { AgentIdentity } from './agentTokenStore.ts';
import { recordBlob } from './blobStore.ts';

export type AgentRouterDeps = {
  agents: AgentService;
  blobs: Blobs;
  database: Database;
  /** The server stops: what waits is answered at once. */
  stopping: AbortSignal;
};

const REPORT_BYTES = 32 * 1024 * 1024;
const BLOB_BYTES = 64 * 1024 * 1024;
const HELLO_BYTES = 10_000;
const Empty = z.strictObject({});

/** What containers dial. A body is read only once its token holds. */
export function agentRouter({ agents, blobs, database, stopping }: AgentRouterDeps, http: MountDeps): Router {
  const router = Router();
  const { hello, next, report, start } = agentApi.agent;
  const agentOf = ({ bearer }: Caller): Promise<AgentIdentity> => {
    if (bearer === undefined) {
      throw new SluiceError('token.invalid', 'The request carries no token.', { advice: 'Say hello first.' });
    }
    return agents.identify(bearer);
  };
  const route = (name: string, at: string, work: (req: Request, res: Response, caller: Caller) => Promise<unknown>) => {
    const [method = '', path = ''] = at.split(' ');
    const about = { name: `agent.${name}`, method, path, access: 'token', rate: 'agent' } as const;
    rawRoute(
      router,
      about,
      async (req, res, asker) => {
        const answer = await work(req, res, asker as Caller);
        if (answer !== undefined && !res.destroyed) res.type('application/json').send(JSON.stringify(answer));
      },
      http,
    );
  };

  route('hello', hello.route, async (req) => agents.hello(await inputOf(hello.input, req, HELLO_BYTES)));

  route('next', next.route, async (req, res, caller) => {
    const agent = await agentOf(caller);
    const input = await inputOf(next.input, req, REPORT_BYTES);
    const gone = new AbortController();
    const leave = () => gone.abort();
    res.once('close', leave);
    stopping.addEventListener('abort', leave, { once: true });
    try {
      if (stopping.aborted) leave();
      return await agents.next(input, agent, gone.signal);
    } finally {
      stopping.removeEventListener('abort', leave);
    }
  });

  route('report', report.route, async (req, _res, caller) => {
    const agent = await agentOf(caller);
    return agents.report(await inputOf(report.input, req, REPORT_BYTES), agent);
  });

  route('start', start.route, async (req, _res, caller) => {
    const agent = await agentOf(caller);
    return agents.start(await inputOf(start.input, req, REPORT_BYTES), agent);
  });

  route('putBlob', 'PUT /agent/v1/blobs/:hash', async (req, _res, caller) => {
    const { workspaceId } = await agentOf(caller);
    const hash = parse(Hash, req.params.hash, 'The hash');
    const bytes = await readBody(req, BLOB_BYTES, tooLarge);
    await blobs.put(workspaceId, bytes, hash);
    await database.withWorkspaceSql({ workspaceId }, (sql) => recordBlob(sql, workspaceId, hash, bytes.length));
    return { bytes: bytes.length };
  });

  route('getBlob', 'GET /agent/v1/blobs/:hash', async (req, res, caller) => {
    const { workspaceId } = await agentOf(caller);
    parse(Empty, req.query, 'The query');
    const bytes = await blobs.get(workspaceId, parse(Hash, req.params.hash, 'The hash'));
    res.type('application/octet-stream').send(bytes);
    return undefined;
  });
  return router;
}

const tooLarge = (maxBytes: number) =>
  new SluiceError('request.too_large', `The body is larger than ${maxBytes} bytes.`, { details: { maxBytes } });

async function inputOf<S extends z.ZodType>(schema: S, req: Request, maxBytes: number): Promise<z.output<S>> {
  const bytes = await readBody(req, maxBytes, tooLarge);
  let body: unknown;
  try {
    checkDepth(bytes);
    body = JSON.parse(bytes.toString());
  } catch (cause) {
    throw new SluiceError('request.invalid', 'The body is not JSON that can be read.', { cause });
  }
  return parse(schema, body, 'The request');
}
