import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { z } from 'zod';
import { BoundConnection } from '#shared/contract/agentApi.ts';
import { SluiceError } from '#shared/error.ts';
import { Slug } from '#shared/ids.ts';
import { Json } from '#shared/json.ts';
import type { Logger } from '#shared/log.ts';
import { parse } from '#shared/parse.ts';
import type { Answer } from '#shared/run/events.ts';
import { type Item, Tree } from '#shared/workflow/tree.ts';
import { hookItem } from '../connectors/trigger/hookItem.ts';
import { readBody } from '../connectors/trigger/readBody.ts';
import { secretHeaders, verifyHook } from '../connectors/trigger/verifyHook.ts';
import { WebhookConfig, type WebhookSecrets } from '../connectors/trigger/webhookConfig.ts';
import type { Sandbox } from '../engine/ports/sandbox.ts';
import { startAgent } from './agent.ts';
import { createLocalControl, type LocalControl } from './localControl.ts';
import { createRunPorts } from './runPorts.ts';
import { startSchedules } from './schedules.ts';

/** How long the caller of a webhook is kept waiting for a `respond` step. */
const HOLD_MS = 25_000;
const EVENT_BYTES = 1_048_576;

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

type Hook = {
  workflowId: string;
  workflowName: string;
  stepId: string;
  pattern: RegExp;
  names: string[];
  path: string;
  config: WebhookConfig;
  connection: string | undefined;
};
type EventTrigger = { workflowId: string; workflowName: string; stepId: string; name: string };

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
  const control = createLocalControl({
    file: config.runsFile,
    blobsDir: config.blobsDir,
    runtimeHash: deps.runtimeHash,
    connectionsOf: () => config.connections,
  });
  const hooks = hooksOf(tree);
  const events = eventsOf(tree);
  const server = createServer((request, response) => {
    answer(request).then(
      (reply) => send(response, reply),
      (thrown: unknown) => sendError(response, thrown, deps.log),
    );
  });
  const url = await listen(server, config.host, config.port);
  const ports = createRunPorts({ dataDir: config.dataDir, blobs: control.blobs, sandbox: deps.sandbox });
  const service = control.agent(projectId);
  const client = {
    hello: async (input: Parameters<typeof service.hello>[0]) => service.hello(input),
    next: async (input: Parameters<typeof service.next>[0]) => service.next(input),
    report: async (input: Parameters<typeof service.report>[0]) => service.report(input),
    putBlob: async (input: Parameters<typeof service.putBlob>[0]) => service.putBlob(input),
    getBlob: async (input: Parameters<typeof service.getBlob>[0]) => service.getBlob(input),
  };
  const agent = startAgent({
    client,
    portsFor: ports.portsFor,
    bootSecret: '',
    runtimeHash: deps.runtimeHash,
    runsAtOnce: 100,
    log: deps.log,
  });
  const begin = (
    from: { workflowId: string; stepId: string },
    trigger: 'webhook' | 'event' | 'schedule',
    items: Item[],
    dedupe?: { hook: string; deliveryId: string },
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
    const found = hooks.map((hook) => ({ hook, match: hook.pattern.exec(path) })).find(({ match }) => match !== null);
    if (!found?.match)
      throw new SluiceError('hook.not_found', `No webhook listens at /hooks/${path}.`, {
        advice: `There are: ${hooks.map((hook) => `/hooks/${hook.path}`).join(', ') || 'none'}.`,
      });
    const { hook, match } = found;
    const method = request.method ?? 'GET';
    if (!(hook.config.methods as string[]).includes(method)) {
      throw new SluiceError(
        'hook.method_not_allowed',
        `/hooks/${hook.path} takes ${hook.config.methods.join(', ')}, not ${method}.`,
      );
    }
    const rawBody = await readBody(request, hook.config.maxBytes);
    const secrets = secretsOf(hook, config.connections);
    const { deliveryId } = await verifyHook({
      config: hook.config,
      secrets,
      headers: request.headers,
      rawBody,
      nowMs: Date.now(),
    });
    const params = Object.fromEntries(hook.names.map((name, index) => [name, match[index + 1] ?? '']));
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
    const { runId, repeated } = await begin(hook, 'webhook', [item], dedupe);
    const reply: Reply =
      hook.config.answer === 'at_once' ? { status: 202, body: { runId } } : await heldAnswer(control, runId);
    return repeated ? { ...reply, headers: { ...reply.headers, 'sluice-repeated': 'true' } } : reply;
  }

  async function answerEvent(request: IncomingMessage): Promise<Reply> {
    if (request.method !== 'POST') throw new SluiceError('hook.method_not_allowed', '/events takes POST.');
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
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeIdleConnections();
      });
      await agent.stop(10_000);
      control.close();
      await ports.close();
    },
  };
}

const EventBody = z.strictObject({ name: z.string().min(1).max(120), id: z.string().min(1).max(200), data: Json });

type Reply = { status: number; headers?: Record<string, string>; body?: Json };

/** What the caller of a webhook gets that is answered by the workflow (formats.md 14). */
async function heldAnswer(control: LocalControl, runId: string): Promise<Reply> {
  const answer = await control.answered(runId, HOLD_MS);
  if (answer) return fromAnswer(answer, control);
  const status = control.get(runId)?.run.status;
  if (status === 'succeeded') return { status: 200, body: { runId } };
  if (status === 'failed' || status === 'cancelled' || status === 'timed_out') return { status: 500, body: { runId } };
  return { status: 202, body: { runId } };
}

async function fromAnswer(answer: Answer, control: LocalControl): Promise<Reply> {
  const reply: Reply = { status: answer.status };
  if (answer.headers) reply.headers = answer.headers;
  if (answer.blob) reply.body = JSON.parse(new TextDecoder().decode(await control.blobs.get(answer.blob))) as Json;
  else if (answer.body !== undefined) reply.body = answer.body;
  return reply;
}

function hooksOf(tree: Tree): Hook[] {
  return triggersOf(tree, 'trigger.webhook').map(({ workflowId, workflowName, stepId, step }) => {
    const config = parse(WebhookConfig, step.config, `The webhook ${stepId}`, 'config.invalid');
    const names = [...config.path.matchAll(/:([A-Za-z][A-Za-z0-9_]*)/g)].map((match) => match[1] ?? '');
    const pattern = new RegExp(`^${config.path.replace(/:[A-Za-z][A-Za-z0-9_]*/g, '([^/]+)')}$`);
    return { workflowId, workflowName, stepId, pattern, names, path: config.path, config, connection: step.connection };
  });
}

function eventsOf(tree: Tree): EventTrigger[] {
  return triggersOf(tree, 'trigger.event').map(({ workflowId, workflowName, stepId, step }) => ({
    workflowId,
    workflowName,
    stepId,
    name: String(step.config.name),
  }));
}

/** The enabled triggers of one type, over all workflows. */
export function triggersOf(tree: Tree, uses: string) {
  return Object.entries(tree.workflows).flatMap(([workflowId, workflow]) =>
    Object.entries(workflow.steps)
      .filter(([, step]) => step.uses === uses && !step.disabled)
      .map(([stepId, step]) => ({
        workflowId,
        workflowName: workflow.name,
        stepId,
        step,
        settings: workflow.settings,
      })),
  );
}

function secretsOf(hook: Hook, connections: ServeConfig['connections']): WebhookSecrets {
  if (hook.connection === undefined) return {} as WebhookSecrets;
  const bound = connections[hook.connection];
  if (bound) return bound.secret as WebhookSecrets;
  throw new SluiceError(
    'hook.unavailable',
    `The webhook ${hook.path} checks its sender with the connection ${hook.connection}, which is not set up here.`,
    {
      advice: 'Set the connection up for this computer.',
    },
  );
}

function listen(server: Server, host: string, port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      if (cause.code !== 'EADDRINUSE') reject(cause);
      else
        reject(
          new SluiceError('port.in_use', `Port ${port} is in use.`, {
            advice: 'Stop what listens there, or take another with --port.',
            details: { port },
            cause,
          }),
        );
    });
    server.listen(port, host, () => resolve(`http://${host}:${(server.address() as AddressInfo).port}`));
  });
}

function send(response: ServerResponse, { status, headers = {}, body }: Reply): void {
  if (body === undefined) {
    response.writeHead(status, headers).end();
    return;
  }
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const type = typeof body === 'string' ? 'text/plain; charset=utf-8' : 'application/json; charset=utf-8';
  response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(text), ...headers }).end(text);
}

function sendError(response: ServerResponse, thrown: unknown, log: Logger): void {
  const error = SluiceError.from(thrown);
  if (error.code === 'internal') log.error('A request broke.', { cause: String(error.cause ?? error) });
  const { code, message, detail, details } = error.toWire();
  const problem = {
    type: `urn:sluice:${code}`,
    title: message,
    status: error.status,
    code,
    ...(detail ? { detail } : {}),
    ...(details ? { details } : {}),
  };
  response.writeHead(error.status, {
    'content-type': 'application/problem+json',
    connection: error.status === 413 ? 'close' : 'keep-alive',
  });
  response.end(JSON.stringify(problem));
}

function readJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch (cause) {
    throw new SluiceError('hook.body_invalid', 'The body is not JSON.', { cause });
  }
}
