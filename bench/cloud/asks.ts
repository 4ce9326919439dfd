import { v7 as newId } from 'uuid';
import { cloudApi } from '#shared/contract/cloudApi.ts';
import { findCall, type HttpCall } from '#shared/contract/contract.ts';
import { commitOf } from '#shared/merge/ops.ts';
import type { Dice } from '../../tests/fuzz/dice.ts';
import { classOf, type RouteClass } from './routeClasses.ts';
import type { BenchProject, Tenant } from './tenants.ts';
import { withField } from './trees.ts';

/** One request, ready to be sent, and what to do with its answer. */
export type Asked = {
  /** As the registry names it. */
  name: string;
  is: RouteClass;
  method: string;
  path: string;
  body?: unknown;
  /** Sent without a sign-in. */
  isPublic: boolean;
  /** With the answer, or undefined where there was none that counts. */
  learn?: (answer: unknown) => void;
};

type Made = { input: Record<string, unknown>; learn?: (answer: unknown) => void };
type Make = (tenant: Tenant, dice: Dice) => Made | undefined;

const DEVICE = '0199f2c0-0000-7000-8000-0000000000be';
const WORDS = ['invoice', 'remind', 'collect 1', 'month', 'stock', 'items.set', 'mail sup'];

const plain: Make = () => ({ input: {} });
const ofProject: Make = ({ projects }, dice) => ({ input: { projectId: dice.oneOf(projects).id } });
const ofRun: Make = ({ runIds }, dice) => ({ input: { runId: dice.oneOf(runIds) } });

/** How often each call is made, in parts of all of its class, and with what. */
const CALLS: Record<string, [share: number, make: Make]> = {
  'auth.whoami': [30, plain],
  'sessions.list': [6, plain],
  'secondFactor.status': [2, plain],
  'auth.token': [10, renew],
  'auth.signIn': [1, signIn],

  'projects.list': [6, plain],
  'workspaces.list': [3, plain],
  'members.list': [3, plain],
  'runs.list': [6, ({ projects }) => ({ input: { projectId: projects[0]?.id, limit: 50 } })],
  'notifications.list': [3, plain],
  'versions.list': [3, ofProject],
  'history.list': [3, ofProject],
  'environments.list': [3, ofProject],
  'deployments.list': [2, ofProject],
  'conflicts.list': [2, ofProject],
  'connections.list': [2, plain],
  'apiKeys.list': [1, plain],
  'invitations.list': [1, plain],
  'audit.list': [2, plain],
  'runs.logs': [1, ofRun],

  'projects.head': [6, ofProject],
  'projects.commits': [
    8,
    ({ projects }, dice) => {
      const { id, revision } = dice.oneOf(projects);
      return { input: { projectId: id, since: Math.max(0, revision - 2) } };
    },
  ],
  'runs.get': [6, ofRun],
  'runs.events': [4, ofRun],
  'notifications.countUnread': [4, plain],
  'workspaces.get': [4, plain],
  'versions.tree': [2, ofVersion],
  'history.at': [2, ({ projects }, dice) => ({ input: { projectId: dice.oneOf(projects).id, revision: 1 } })],
  'billing.subscription': [1, plain],

  'projects.push': [12, push],
  'environments.set': [3, setEnvironment],
  'connections.set': [2, setConnection],
  'notifications.setPreference': [
    2,
    (_, dice) => ({ input: { kind: 'run_failed', channel: 'email', enabled: dice.chance(0.5) } }),
  ],
  'history.name': [2, nameRevision],
  'workspaces.update': [1, (_, dice) => ({ input: { timezone: dice.oneOf(['Europe/Berlin', 'UTC']) } })],
  'notifications.markAllRead': [1, plain],

  'search.find': [6, (_, dice) => ({ input: { q: dice.oneOf(WORDS) } })],
  'search.suggest': [4, (_, dice) => ({ input: { q: dice.oneOf(WORDS).slice(0, 4) } })],
  'search.similar': [2, similar],
  'versions.create': [2, publish],
  'audit.verify': [1, plain],
  'runs.tape': [1, ofRun],
  'billing.usage': [2, plain],
};

/** How much of all is asked of each class. */
const MIX: [RouteClass, number][] = [
  ['health', 5],
  ['auth', 15],
  ['list', 30],
  ['detail', 30],
  ['write', 14],
  ['complex', 6],
];

/** The calls of the registry that are asked. */
export const ASKED = Object.keys(CALLS);

const byClass = new Map<RouteClass, { name: string; call: HttpCall; share: number; make: Make }[]>();
for (const [name, [share, make]] of Object.entries(CALLS)) {
  const call = findCall(cloudApi, name) as HttpCall;
  const is = classOf(name, call);
  byClass.set(is, [...(byClass.get(is) ?? []), { name, call, share, make }]);
}

/** What one of the tenants asks next. */
export function nextAsk(tenant: Tenant, dice: Dice): Asked {
  const [is] = drawn(MIX, ([, share]) => share, dice);
  if (is === 'health') {
    const path = dice.oneOf(['/livez', '/readyz']);
    return { name: `health${path}`, is, method: 'GET', path, isPublic: true };
  }
  // A project may be busy, or nothing to renew: then another call of the class is made.
  for (;;) {
    const { name, call, make } = drawn(byClass.get(is) ?? [], ({ share }) => share, dice);
    const made = make(tenant, dice);
    if (made)
      return { name, is, ...requestOf(call.route, made.input), isPublic: call.access === 'public', learn: made.learn };
  }
}

function drawn<T>(list: readonly T[], share: (one: T) => number, dice: Dice): T {
  let left = dice.pick(list.reduce((sum, one) => sum + share(one), 0));
  for (const one of list) {
    left -= share(one);
    if (left < 0) return one;
  }
  throw new Error('There is nothing to draw from.');
}

/** Names after `:` go into the path; the rest is the query or the body. */
function requestOf(route: string, input: Record<string, unknown>): Pick<Asked, 'method' | 'path' | 'body'> {
  const [method = '', pattern = ''] = route.split(' ');
  const rest = { ...input };
  const path = pattern.replace(/:([A-Za-z]+)/g, (_all, name: string) => {
    const value = String(rest[name]);
    delete rest[name];
    return encodeURIComponent(value);
  });
  if (method !== 'GET' && method !== 'DELETE') return { method, path, body: rest };
  const query = new URLSearchParams(
    Object.entries(rest).map(([name, value]): [string, string] => [name, String(value)]),
  ).toString();
  return { method, path: query ? `${path}?${query}` : path };
}

function renew(tenant: Tenant): Made | undefined {
  const { refreshToken } = tenant;
  if (refreshToken === undefined || tenant.isRenewing) return undefined;
  tenant.isRenewing = true;
  return {
    input: { grantType: 'refresh_token', refreshToken },
    learn: (answer) => {
      tenant.isRenewing = false;
      tenant.refreshToken = (answer as { refreshToken: string } | undefined)?.refreshToken;
    },
  };
}

function signIn(tenant: Tenant): Made {
  return {
    input: { email: tenant.person.email, password: tenant.password, deviceName: 'Bench' },
    learn: (answer) => {
      if (!tenant.isRenewing) tenant.refreshToken = (answer as { refreshToken: string } | undefined)?.refreshToken;
    },
  };
}

function ofVersion({ projects }: Tenant, dice: Dice): Made {
  const { id, versionIds } = dice.oneOf(projects);
  return { input: { projectId: id, versionId: dice.oneOf(versionIds) } };
}

function similar({ projects }: Tenant, dice: Dice): Made {
  const { id, workflowIds } = dice.oneOf(projects);
  return { input: { projectId: id, workflowId: dice.oneOf(workflowIds) } };
}

/** The two have to know the head: one at a time for each project. */
function onHead(tenant: Tenant, dice: Dice, work: (project: BenchProject) => Made): Made | undefined {
  const project = dice.oneOf(tenant.projects);
  if (project.isBusy) return undefined;
  project.isBusy = true;
  const made = work(project);
  return {
    ...made,
    learn: (answer) => {
      project.isBusy = false;
      if (answer !== undefined) made.learn?.(answer);
    },
  };
}

function push(tenant: Tenant, dice: Dice): Made | undefined {
  return onHead(tenant, dice, (project) => {
    const [workflowId = ''] = project.workflowIds;
    const steps = Object.keys(project.tree.workflows[workflowId]?.steps ?? {}).length;
    const next = withField(project.tree, workflowId, `s${1 + dice.pick(steps - 1)}`, dice.pick(1_000_000));
    const about = { commitId: newId(), deviceId: DEVICE, baseRevision: project.revision, origin: 'canvas' as const };
    return {
      input: { projectId: project.id, commit: commitOf(project.tree, next, about) },
      learn: (answer) => {
        project.tree = next;
        project.revision = (answer as { revision: number }).revision;
      },
    };
  });
}

function publish(tenant: Tenant, dice: Dice): Made | undefined {
  return onHead(tenant, dice, (project) => ({
    input: { projectId: project.id, expectedRevision: project.revision, note: 'From the bench' },
    learn: (answer) => project.versionIds.push((answer as { id: string }).id),
  }));
}

function setEnvironment({ projects }: Tenant, dice: Dice): Made {
  return { input: { projectId: dice.oneOf(projects).id, name: 'staging', vars: { LIMIT: String(dice.pick(1_000)) } } };
}

function setConnection(_: Tenant, dice: Dice): Made {
  const secret = { kind: 'bearer', token: `token ${dice.pick(1_000_000)}` };
  return { input: { name: `service-${dice.pick(40)}`, connector: 'http', secret, hosts: ['example.com'] } };
}

function nameRevision({ projects }: Tenant, dice: Dice): Made {
  return { input: { projectId: dice.oneOf(projects).id, revision: 1, name: `Name ${dice.pick(100)}` } };
}
