import { createHmac } from 'node:crypto';
import { createServer, type IncomingMessage } from 'node:http';
import { z } from 'zod';
import { BoundConnection } from '#shared/contract/agentApi.ts';
import { SluiceError } from '#shared/error.ts';
import { Slug } from '#shared/ids.ts';
import { Json } from '#shared/json.ts';
import type { Logger } from '#shared/log.ts';
import { Tree } from '#shared/workflow/tree.ts';
import type { Sandbox } from '../engine/ports/sandbox.ts';
import { startAgent } from './agent.ts';
import { createDescriptionAnswer } from './descriptionAnswer.ts';
import { createEventAnswers } from './eventAnswers.ts';
import { createFormAnswers } from './formAnswers.ts';
import { createHookAnswers } from './hookAnswers.ts';
import { closeServer, listen, type Reply, sendProblem, sendReply } from './httpServer.ts';
import { createLocalControl } from './localControl.ts';
import { createResumeAddress, readKey } from './resumeAddress.ts';
import { createResumeAnswers } from './resumeAnswers.ts';
import { createRouteAnswers } from './routeAnswers.ts';
import { createRunPorts } from './runPorts.ts';
import { startSchedules } from './schedules.ts';
import { formsOf } from './servedForms.ts';
import { routesOf } from './servedRoutes.ts';
import { type Begin, eventsOf, hooksOf } from './servedTriggers.ts';
import { createTogether } from './together.ts';

const RUNS_AT_ONCE = 100;
/** Reports travel nowhere here: what a run did in one turn is flushed once. */
const REPORT_EVENTS = 5_000;

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
  triggers: {
    workflow: string;
    stepId: string;
    kind: 'webhook' | 'event' | 'schedule' | 'route' | 'form';
    address: string;
  }[];
  stop(): Promise<void>;
};

/**
 * Runs every trigger of a project in this process: webhooks at `/hooks/<path>`, routes at `/api/<path>` (described at
 * `/openapi.json`), forms at `/forms/<path>`, events at `POST /events`, schedules. The
 * same agent as in a container, with the control plane beside it.
 *
 * @throws SluiceError port.in_use, config.invalid (a trigger that cannot be served)
 */
export async function serveProject(
  config: ServeConfig,
  deps: { runtimeHash: string; sandbox: Sandbox; log: Logger },
): Promise<Serving> {
  const { tree, environment } = config;
  const projectId = tree.project.id;
  const hooks = hooksOf(tree);
  const routes = await routesOf(tree);
  const forms = formsOf(tree);
  const events = eventsOf(tree);
  const together = createTogether();
  const server = createServer((request, response) => {
    const broke = (thrown: unknown) => sendProblem(response, thrown, deps.log);
    answer(request).then((reply) => together(() => sendReply(response, reply), broke), broke);
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
  const begin: Begin = (from, trigger, items, dedupe, isHeld = false) =>
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
  const shared = { connections: config.connections, control, blobsDir: config.blobsDir, begin };
  const schedules = startSchedules({ tree, control, begin, log: deps.log });

  const answers: [place: string, answer: Answering][] = [
    ['/hooks/', createHookAnswers({ hooks, ...shared })],
    ['/resume/', createResumeAnswers({ control, address: createResumeAddress({ keyFile: `${config.runsFile}.key` }) })],
    ['/forms/', createFormAnswers({ forms, control, begin, key: formKey(`${config.runsFile}.key`) })],
    ['/api/', createRouteAnswers({ routes, ...shared, log: deps.log })],
  ];
  const answerDescription = createDescriptionAnswer({
    routes,
    connections: config.connections,
    title: tree.project.name,
  });
  const answerEvent = createEventAnswers({ events, begin });

  async function answer(request: IncomingMessage): Promise<Reply> {
    const { path, query } = addressOf(request);
    if (path === '/livez') return { status: 200, body: { status: 'ok' } };
    if (path === '/events') return answerEvent(request);
    if (path === '/openapi.json') return answerDescription(request);
    for (const [place, answerAt] of answers)
      if (path.startsWith(place)) return answerAt(request, { path: path.slice(place.length), query });
    throw new SluiceError('hook.not_found', `Nothing listens at ${path.slice(0, 500)}.`, {
      advice: 'Webhooks are called at /hooks/<path>, routes at /api/<path>, forms at /forms/<path>, events at /events.',
    });
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
      ...routes.map(({ workflowName, stepId, config: { method }, pattern }) => ({
        workflow: workflowName,
        stepId,
        kind: 'route' as const,
        address: `${method} ${url}/api/${pattern.text}`,
      })),
      ...[...forms.values()].map(({ workflowName, stepId, path }) => ({
        workflow: workflowName,
        stepId,
        kind: 'form' as const,
        address: `${url}/forms/${path}`,
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

/** What forms are signed with: a key of its own, made of the one that lies beside the runs. */
function formKey(file: string): Uint8Array {
  return createHmac('sha256', readKey(file)).update('forms').digest();
}

type Answering = (request: IncomingMessage, address: { path: string; query: string }) => Promise<Reply>;

/** The path and the query as they were sent; from a proxy an address may be whole. */
function addressOf({ url = '/' }: IncomingMessage): { path: string; query: string } {
  const local = url.replace(/^https?:\/\/[^/?#]*/i, '');
  const cut = local.indexOf('?');
  return cut < 0 ? { path: local, query: '' } : { path: local.slice(0, cut), query: local.slice(cut + 1) };
}
