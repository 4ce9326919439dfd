import { createServer, type IncomingMessage } from 'node:http';
import { z } from 'zod';
import { BoundConnection } from '#shared/contract/agentApi.ts';
import { SluiceError } from '#shared/error.ts';
import { Slug } from '#shared/ids.ts';
import { Json, jsonDepth } from '#shared/json.ts';
import type { Logger } from '#shared/log.ts';
import { parse } from '#shared/parse.ts';
import type { Answer } from '#shared/run/events.ts';
import { type Item, Tree } from '#shared/workflow/tree.ts';
import { hookItem } from '../connectors/trigger/hookItem.ts';
import { readBody } from '../connectors/trigger/readBody.ts';
import { secretHeaders, verifyHook } from '../connectors/trigger/verifyHook.ts';
import type { Sandbox } from '../engine/ports/sandbox.ts';
import { startAgent } from './agent.ts';
import { closeServer, listen, type Reply, sendProblem, sendReply } from './httpServer.ts';
import { createLocalControl, type LocalControl } from './localControl.ts';
import { createRunPorts } from './runPorts.ts';
import { startSchedules } from './schedules.ts';
import { eventsOf, findHook, hooksOf, secretsOf } from './servedTriggers.ts';

/** How long the caller of a webhook is kept waiting for a `respond` step. */
const HOLD_MS = 25_000;
const EVENT_BYTES = 1_048_576;
const RUNS_AT_ONCE = 100;
/** Reports travel nowhere here: what a run did in one turn is flushed once. */
const REPORT_EVENTS = 5_000;
/** Levels of an event's data. */
const MOST_NESTED = 100;

export const ServeConfig = z.strictObject({
  tree: Tree,
  environment: z.strictObject({ name: Slug, vars: z.record(z.string(), Json) }),
  connections: z.record(Slug, BoundConnection),
  /** Where the project's own tables and files live. */
  dataDir: z.string(),
  runsFile: z.string(),
  blobsDir: z.string(),
  host: z.string().default('127.0.0.1'),
  /** 0: any free one. */
  port: z.int().min(0).max(65_535),
});
export type ServeConfig = z.infer<typeof ServeConfig>;

export type Serving = {
  url: string;
  /** One line per trigger: what it listens to. */
  triggers: { workflow: string; stepId: string; kind: 'webhook' | 'event' | 'schedule'; address: string }[];
  stop(): Promise<void>;
};

/**
 * Runs every trigger of a project in this process: webhooks at `/hooks/<path>`, events at `POST /events`, schedules. The
 * same agent as in a container, with the control plane beside it.
 *
 * @throws SluiceError port.in_use
 */
export async function serveProject(
  config: ServeConfig,
  deps: { runtimeHash: string; sandbox: Sandbox; log: Logger },
): Promise<Serving> {
  const { tree, environment } = config;
  const projectId = tree.project.id;
  const hooks = hooksOf(tree);
  const events = eventsOf(tree);
  const server = createServer((request, response) => {
    answer(request)
      .then((reply) => sendReply(response, reply))
      .catch((thrown: unknown) => sendProblem(response, thrown, deps.log));
  });
  const url = await listen(server, config.host, config.port);
  const control = createLocalControl({
    file: config.runsFile,
    blobsDir: config.blobsDir,
    runtimeHash: deps.runtimeHash,
    connectionsOf: () => config.connections,
    runsAtOnce: RUNS_AT_ONCE,
    resumeBase: url,
  });
  const ports = createRunPorts({ dataDir: config.dataDir, blobs: control.blobs, sandbox: deps.sandbox });
  const service = control.agent(projectId);
  const client = {
    hello: async (input: Parameters<typeof service.hello>[0]) => service.hello(input),
    next: async (input: Parameters<typeof service.next>[0]) => service.next(input),
    report: async (input: Parameters<typeof service.report>[0]) => service.report(input),
    start: async (input: Parameters<typeof service.start>[0]) => service.start(input),
    putBlob: async (input: Parameters<typeof service.putBlob>[0]) => service.putBlob(input),
    getBlob: async (input: Parameters<typeof service.getBlob>[0]) => service.getBlob(input),
  };
  const agent = startAgent({
    client,
    portsFor: ports.portsFor,
    bootSecret: '',
    runtimeHash: deps.runtimeHash,
    runsAtOnce: RUNS_AT_ONCE,
    batch: REPORT_EVENTS,
    log: deps.log,
  });
  const begin = (
    from: { workflowId: string; stepId: string },
    trigger: 'webhook' | 'event' | 'schedule',
    items: Item[],
    dedupe?: { hook: string; deliveryId: string },
    isHeld = false,
  ) =>
    control.start({
      projectId,
      workflowId: from.workflowId,
      workflowName: tree.workflows[from.workflowId]?.name ?? '',
      tree,
      environment,
      triggerStepId: from.stepId,
      trigger,
      items,
      ...(dedupe ? { dedupe } : {}),
      accept: tree.workflows[from.workflowId]?.settings.durability === 'none' ? 'unkept' : isHeld ? 'held' : 'stored',
    });
  const schedules = startSchedules({ tree, control, begin, log: deps.log });

  async function answer(request: IncomingMessage): Promise<Reply> {
    const { pathname, search } = new URL(request.url ?? '/', 'http://localhost');
    if (pathname === '/livez') return { status: 200, body: { status: 'ok' } };
    if (pathname === '/events') return answerEvent(request);
    if (pathname.startsWith('/hooks/')) return answerHook(request, pathname.slice('/hooks/'.length), search.slice(1));
    throw new SluiceError('hook.not_found', `Nothing listens at ${pathname}.`, {
      advice: 'Webhooks are called at /hooks/<path>, events at /events.',
    });
  }

  async function answerHook(request: IncomingMessage, path: string, query: string): Promise<Reply> {
    const method = request.method ?? 'GET';
    const { hook, params } = findHook(hooks, method, path);
    const rawBody = await readBody(request, hook.config.maxBytes);
    const secrets = secretsOf(hook, config.connections);
    const { deliveryId } = await verifyHook({
      config: hook.config,
      secrets,
      headers: request.headers,
      rawBody,
      nowMs: Date.now(),
    });
    const made = hookItem({
      method,
      path: `/hooks/${path}`,
      params,
      query,
      headers: request.headers,
      rawBody,
      deliveryId,
      hide: secretHeaders({ config: hook.config, secrets }),
    });
    const item: Item = { json: made.json };
    if (made.binary) {
      const { bytes, mime, name } = made.binary;
      item.binary = {
        body: { blob: await control.blobs.put(bytes), bytes: bytes.length, mime, ...(name ? { name } : {}) },
      };
    }
    const dedupe = deliveryId === undefined ? undefined : { hook: `${hook.workflowId}:${hook.stepId}`, deliveryId };
    const isHeld = hook.config.answer === 'respond';
    const { runId, repeated } = await begin(hook, 'webhook', [item], dedupe, isHeld);
    const reply: Reply = isHeld ? await heldAnswer(control, runId) : { status: 202, body: { runId } };
    return repeated ? { ...reply, repeated } : reply;
  }

  async function answerEvent(request: IncomingMessage): Promise<Reply> {
    if (request.method !== 'POST') {
      throw new SluiceError('hook.method_not_allowed', `/events takes POST, not ${request.method}.`, {
        details: { methods: ['POST'] },
        advice: 'Send { name, id, data } as JSON by POST.',
      });
    }
    const body = parse(EventBody, readJson(await readBody(request, EVENT_BYTES)), 'The event', 'hook.body_invalid');
    const heard = events.filter((trigger) => trigger.name === body.name);
    const runs = await Promise.all(
      heard.map((trigger) =>
        begin(trigger, 'event', [{ json: { name: body.name, id: body.id, data: body.data } }], {
          hook: `${trigger.workflowId}:${trigger.stepId}`,
          deliveryId: body.id,
        }),
      ),
    );
    return {
      status: 202,
      body: { runIds: runs.map((run) => run.runId), repeated: runs.length > 0 && runs.every((run) => run.repeated) },
    };
  }

  return {
    url,
    triggers: [
      ...hooks.map((hook) => ({
        workflow: hook.workflowName,
        stepId: hook.stepId,
        kind: 'webhook' as const,
        address: `${hook.config.methods.join(', ')} ${url}/hooks/${hook.path}`,
      })),
      ...events.map((trigger) => ({
        workflow: trigger.workflowName,
        stepId: trigger.stepId,
        kind: 'event' as const,
        address: `POST ${url}/events ${trigger.name}`,
      })),
      ...schedules.list.map((entry) => ({
        workflow: entry.workflowName,
        stepId: entry.stepId,
        kind: 'schedule' as const,
        address: `${entry.cron} ${entry.timezone}`,
      })),
    ],
    async stop() {
      schedules.stop();
      await closeServer(server);
      await agent.stop(10_000);
      control.close();
      await ports.close();
    },
  };
}

const EventBody = z.strictObject({ name: z.string().min(1).max(120), id: z.string().min(1).max(200), data: Json });

/** What the caller of a webhook gets that is answered by the workflow (formats.md 14). */
async function heldAnswer(control: LocalControl, runId: string): Promise<Reply> {
  const answer = await control.answered(runId, HOLD_MS);
  if (answer) return fromAnswer(answer, control);
  const status = control.status(runId);
  if (status === 'succeeded') return { status: 200, body: { runId } };
  if (status === 'failed' || status === 'cancelled' || status === 'timed_out') return { status: 500, body: { runId } };
  await control.kept(runId);
  return { status: 202, body: { runId } };
}

async function fromAnswer(answer: Answer, control: LocalControl): Promise<Reply> {
  const reply: Reply = { status: answer.status };
  if (answer.headers) reply.headers = answer.headers;
  if (answer.blob) reply.body = await control.blobs.get(answer.blob);
  else if (answer.body !== undefined) reply.body = answer.body;
  return reply;
}

function readJson(bytes: Buffer): unknown {
  const text = bytes.toString('utf8');
  // Before it is parsed: what nests without end overflows whatever walks it later.
  if (jsonDepth(text, MOST_NESTED) > MOST_NESTED)
    throw new SluiceError('hook.body_invalid', `The body nests more than ${MOST_NESTED} deep.`);
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new SluiceError('hook.body_invalid', 'The body is not JSON.', { cause });
  }
}
