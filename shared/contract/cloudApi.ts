import { z } from 'zod';
import { Hash, Slug, StepId, Time, Uuid } from '../ids.ts';
import { Json, JsonObject } from '../json.ts';
import { Commit } from '../merge/ops.ts';
import { PLAN_SLUGS } from '../plan.ts';
import { RunEvent, RunLogLine } from '../run/events.ts';
import { Item, Tree } from '../workflow/tree.ts';
import {
  ConnectionRecord,
  Deployment,
  EnvironmentRecord,
  MeterUsage,
  Project,
  RunSummary,
  User,
  Version,
  Workspace,
} from './cloud/common.ts';
import type { HttpGroup } from './contract.ts';
import { PageInput, page } from './page.ts';

const Empty = z.strictObject({});
const Done = z.strictObject({ done: z.literal(true) });
const Email = z.string().trim().toLowerCase().pipe(z.email().max(254));
const Password = z.string().min(8, 'needs at least 8 characters').max(200);

export const Tokens = z.strictObject({
  accessToken: z.string(),
  /** Of the access token, in seconds. */
  expiresIn: z.int(),
  refreshToken: z.string(),
});
export type Tokens = z.infer<typeof Tokens>;

const auth = {
  register: {
    route: 'POST /v1/auth/register',
    access: 'public',
    rate: 'sign_up',
    input: z.strictObject({ email: Email, password: Password, name: z.string().trim().min(1).max(120) }),
    output: Done,
  },
  verifyEmail: {
    route: 'POST /v1/auth/verify-email',
    access: 'public',
    rate: 'sign_in',
    input: z.strictObject({ token: z.string().max(200) }),
    output: Done,
  },
  /** Password sign-in for a program with its own form. The desktop and the command line use the browser instead. */
  signIn: {
    route: 'POST /v1/auth/sign-in',
    access: 'public',
    rate: 'sign_in',
    input: z.strictObject({
      email: Email,
      password: z.string().max(200),
      deviceName: z.string().max(120).default('API'),
    }),
    output: Tokens,
  },
  /** Ends the desktop's loopback sign-in (RFC 8252, PKCE S256), and renews tokens; both rotate the refresh token. */
  token: {
    route: 'POST /v1/auth/token',
    access: 'public',
    rate: 'sign_in',
    input: z.discriminatedUnion('grantType', [
      z.strictObject({
        grantType: z.literal('authorization_code'),
        code: z.string().max(200),
        codeVerifier: z.string().min(43).max(128),
        redirectUri: z.url(),
        deviceName: z.string().max(120),
      }),
      z.strictObject({ grantType: z.literal('refresh_token'), refreshToken: z.string().max(200) }),
    ]),
    output: Tokens,
  },
  signOut: { route: 'POST /v1/auth/sign-out', access: 'session', rate: 'write', input: Empty, output: Done },
  whoami: {
    route: 'GET /v1/auth/whoami',
    access: 'session',
    rate: 'read',
    input: Empty,
    output: z.strictObject({ user: User, workspaces: z.array(Workspace) }),
  },
} as const satisfies HttpGroup;

const workspaces = {
  list: { route: 'GET /v1/workspaces', access: 'session', rate: 'read', input: Empty, output: z.array(Workspace) },
  create: {
    route: 'POST /v1/workspaces',
    access: 'session',
    rate: 'write',
    input: z.strictObject({ name: z.string().trim().min(1).max(120) }),
    output: Workspace,
  },
} as const satisfies HttpGroup;

const projects = {
  list: {
    route: 'GET /v1/projects',
    access: 'workflow:read',
    rate: 'read',
    input: z.strictObject(PageInput),
    output: page(Project),
  },
  /** The id is made by the desktop; one that is taken elsewhere answers as missing. */
  create: {
    route: 'POST /v1/projects',
    access: 'project:write',
    rate: 'write',
    input: z.strictObject({ id: Uuid, name: z.string().min(1).max(120) }),
    output: Project,
  },
  head: {
    route: 'GET /v1/projects/:projectId/head',
    access: 'workflow:read',
    rate: 'read',
    input: z.strictObject({ projectId: Uuid }),
    output: z.strictObject({ revision: z.int(), hash: Hash, tree: Tree }),
  },
  commits: {
    route: 'GET /v1/projects/:projectId/commits',
    access: 'workflow:read',
    rate: 'read',
    input: z.strictObject({ projectId: Uuid, since: z.coerce.number().int().min(0) }),
    output: z.strictObject({
      revision: z.int(),
      hash: Hash,
      commits: z.array(z.strictObject({ revision: z.int(), authorName: z.string(), createdAt: Time, commit: Commit })),
    }),
  },
  push: {
    route: 'POST /v1/projects/:projectId/commits',
    access: 'sync:write',
    rate: 'write',
    input: z.strictObject({ projectId: Uuid, commit: Commit }),
    output: z.strictObject({ revision: z.int(), hash: Hash, rebased: z.boolean() }),
  },
} as const satisfies HttpGroup;

const versions = {
  create: {
    route: 'POST /v1/projects/:projectId/versions',
    access: 'deployment:write',
    rate: 'write',
    input: z.strictObject({ projectId: Uuid, expectedRevision: z.int(), note: z.string().max(280).default('') }),
    output: Version,
  },
  list: {
    route: 'GET /v1/projects/:projectId/versions',
    access: 'workflow:read',
    rate: 'read',
    input: z.strictObject({ projectId: Uuid, ...PageInput }),
    output: page(Version),
  },
  tree: {
    route: 'GET /v1/projects/:projectId/versions/:versionId/tree',
    access: 'workflow:read',
    rate: 'read',
    input: z.strictObject({ projectId: Uuid, versionId: Uuid }),
    output: Tree,
  },
} as const satisfies HttpGroup;

const environments = {
  list: {
    route: 'GET /v1/projects/:projectId/environments',
    access: 'workflow:read',
    rate: 'read',
    input: z.strictObject({ projectId: Uuid }),
    output: z.array(EnvironmentRecord),
  },
  /** Makes the environment or changes it; what is set here wins over the project's file. */
  set: {
    route: 'PUT /v1/projects/:projectId/environments/:name',
    access: 'deployment:write',
    rate: 'write',
    input: z.strictObject({
      projectId: Uuid,
      name: Slug,
      vars: JsonObject.default({}),
      bindings: z.record(Slug, Slug).default({}),
      expectedRevision: z.int().optional(),
    }),
    output: EnvironmentRecord,
  },
} as const satisfies HttpGroup;

const deployments = {
  /** Publishing and rolling back are the same call, with a new version or an old one. */
  create: {
    route: 'POST /v1/projects/:projectId/deployments',
    access: 'deployment:write',
    rate: 'write',
    input: z.strictObject({ projectId: Uuid, environmentId: Uuid, versionId: Uuid }),
    output: Deployment,
  },
  get: {
    route: 'GET /v1/projects/:projectId/deployments/:deploymentId',
    access: 'workflow:read',
    rate: 'read',
    input: z.strictObject({ projectId: Uuid, deploymentId: Uuid }),
    output: Deployment,
  },
  list: {
    route: 'GET /v1/projects/:projectId/deployments',
    access: 'workflow:read',
    rate: 'read',
    input: z.strictObject({ projectId: Uuid, ...PageInput }),
    output: page(Deployment),
  },
  stop: {
    route: 'POST /v1/projects/:projectId/deployments/:deploymentId/stop',
    access: 'deployment:write',
    rate: 'write',
    input: z.strictObject({ projectId: Uuid, deploymentId: Uuid }),
    output: Deployment,
  },
} as const satisfies HttpGroup;

const connections = {
  list: {
    route: 'GET /v1/connections',
    access: 'connection:read',
    rate: 'read',
    input: Empty,
    output: z.array(ConnectionRecord),
  },
  /** Makes the connection or replaces its secret. The secret is never given back. */
  set: {
    route: 'PUT /v1/connections/:name',
    access: 'connection:write',
    rate: 'write',
    input: z.strictObject({
      name: Slug,
      connector: z.string().max(60),
      secret: JsonObject,
      hosts: z.array(z.string().max(260)).max(50),
    }),
    output: ConnectionRecord,
  },
  remove: {
    route: 'DELETE /v1/connections/:name',
    access: 'connection:write',
    rate: 'write',
    input: z.strictObject({ name: Slug }),
    output: Done,
  },
} as const satisfies HttpGroup;

const runs = {
  list: {
    route: 'GET /v1/runs',
    access: 'run:read',
    rate: 'read',
    input: z.strictObject({
      projectId: Uuid.optional(),
      workflowId: Uuid.optional(),
      status: z.enum(['queued', 'running', 'waiting', 'succeeded', 'failed', 'cancelled', 'timed_out']).optional(),
      ...PageInput,
    }),
    output: page(RunSummary),
  },
  get: {
    route: 'GET /v1/runs/:runId',
    access: 'run:read',
    rate: 'read',
    input: z.strictObject({ runId: Uuid }),
    output: RunSummary,
  },
  events: {
    route: 'GET /v1/runs/:runId/events',
    access: 'run:read',
    rate: 'read',
    input: z.strictObject({ runId: Uuid, after: z.coerce.number().int().min(0).default(0) }),
    output: z.strictObject({ events: z.array(RunEvent) }),
  },
  logs: {
    route: 'GET /v1/runs/:runId/logs',
    access: 'run:read',
    rate: 'read',
    input: z.strictObject({ runId: Uuid }),
    output: z.array(RunLogLine),
  },
  /** Starts a deployed workflow by its manual trigger, or any trigger with items of its own. Counts as a run. */
  start: {
    route: 'POST /v1/projects/:projectId/runs',
    access: 'workflow:execute',
    rate: 'write',
    input: z.strictObject({
      projectId: Uuid,
      environment: Slug,
      workflowId: Uuid,
      triggerStepId: StepId.optional(),
      items: z
        .array(Item)
        .max(1_000)
        .default([{ json: {} }]),
    }),
    output: RunSummary,
  },
  cancel: {
    route: 'POST /v1/runs/:runId/cancel',
    access: 'run:cancel',
    rate: 'write',
    input: z.strictObject({ runId: Uuid }),
    output: RunSummary,
  },
} as const satisfies HttpGroup;

const events = {
  /** Starts every deployed `trigger.event` of that name; a repeated `id` starts nothing new. */
  publish: {
    route: 'POST /v1/projects/:projectId/events',
    access: 'workflow:execute',
    rate: 'write',
    input: z.strictObject({
      projectId: Uuid,
      environment: Slug,
      name: z.string().min(1).max(120),
      id: z.string().min(1).max(200),
      data: Json,
    }),
    output: z.strictObject({ runIds: z.array(Uuid), repeated: z.boolean() }),
  },
} as const satisfies HttpGroup;

const billing = {
  usage: {
    route: 'GET /v1/usage',
    access: 'usage:read',
    rate: 'read',
    input: Empty,
    output: z.strictObject({ plan: z.enum(PLAN_SLUGS), meters: z.array(MeterUsage) }),
  },
  subscription: {
    route: 'GET /v1/billing/subscription',
    access: 'billing:read',
    rate: 'read',
    input: Empty,
    output: z.strictObject({
      plan: z.enum(PLAN_SLUGS),
      status: z.enum(['none', 'incomplete', 'trialing', 'active', 'past_due', 'paused', 'canceled']),
      cycle: z.enum(['month', 'year']).optional(),
      periodEnd: Time.optional(),
      cancelAtPeriodEnd: z.boolean(),
    }),
  },
  /** The address of the provider's own page, where the owner pays. */
  checkout: {
    route: 'POST /v1/billing/checkout',
    access: 'billing:write',
    rate: 'write',
    input: z.strictObject({
      plan: z.enum(['starter', 'pro', 'business']),
      cycle: z.enum(['month', 'year']).default('month'),
    }),
    output: z.strictObject({ url: z.url() }),
  },
  portal: {
    route: 'POST /v1/billing/portal',
    access: 'billing:write',
    rate: 'write',
    input: Empty,
    output: z.strictObject({ url: z.url() }),
  },
} as const satisfies HttpGroup;

const containers = {
  get: {
    route: 'GET /v1/container',
    access: 'workspace:read',
    rate: 'read',
    input: Empty,
    output: z.strictObject({
      status: z.enum(['stopped', 'starting', 'running', 'sleeping', 'upgrading', 'stopping', 'error', 'suspended']),
      driver: z.enum(['docker', 'process']),
      runtimeHash: Hash.optional(),
      ramBytes: z.int(),
      cpu: z.number(),
      lastActiveAt: Time.optional(),
      error: z.string().optional(),
    }),
  },
} as const satisfies HttpGroup;

const audit = {
  list: {
    route: 'GET /v1/audit',
    access: 'audit:read',
    rate: 'read',
    input: z.strictObject(PageInput),
    output: page(
      z.strictObject({
        id: Uuid,
        action: z.string(),
        resource: z.string(),
        resourceId: z.string().optional(),
        actorName: z.string().optional(),
        outcome: z.enum(['ok', 'denied', 'failed']),
        metadata: JsonObject,
        at: Time,
      }),
    ),
  },
} as const satisfies HttpGroup;

/** Everything a desktop, a command line or a program may ask of the control plane. */
export const cloudApi = {
  auth,
  workspaces,
  projects,
  versions,
  environments,
  deployments,
  connections,
  runs,
  events,
  billing,
  containers,
  audit,
} as const;
export type CloudApi = typeof cloudApi;
