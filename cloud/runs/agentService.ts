import { v7 as newId } from 'uuid';
import type { z } from 'zod';
import { AGENT_PROTOCOL, type Assignment, type agentApi } from '#shared/contract/agentApi.ts';
import { SluiceError } from '#shared/error.ts';
import type { Logger } from '#shared/log.ts';
import { PLANS, type Plan, type PlanSlug } from '#shared/plan.ts';
import type { Vault } from '../connections/vault.ts';
import type { Notices } from '../notifications/notices.ts';
import type { Clock } from '../platform/clock.ts';
import type { Database } from '../platform/database.ts';
import { hashToken, newToken } from '../platform/tokens.ts';
import type { VersionTrees } from '../versions/versionTrees.ts';
import { type AgentIdentity, findAgentToken, insertAgentToken } from './agentTokenStore.ts';
import { completeAssignment, draftAssignment } from './assignment.ts';
import { claimNext } from './claimStore.ts';
import type { Ringer } from './dispatch.ts';
import type { Allowances, ContainerService } from './ports.ts';
import { ingestReport } from './runIngest.ts';
import { createSeats, QUIET_MS } from './seats.ts';
import { type Signals, waitForSignal } from './signals.ts';
import { startBeside } from './startBeside.ts';

export type AgentDeps = {
  notices?: Pick<Notices, 'runFailed' | 'approvalRequested'>;
  database: Database;
  signals: Signals;
  vault: Vault;
  versionTrees: VersionTrees;
  allowances: Allowances;
  containers: Pick<ContainerService, 'verifyBoot' | 'touch' | 'seen'>;
  logger: Logger;
  clock: Clock;
  ring: Ringer;
  /** The address where somebody outside ends a wait of a run. */
  resumeUrl?: (workspaceId: string, runId: string) => string;
  /** How long a runtime holds a run without reporting. Default 10 s. */
  leaseMs?: number;
};

type Calls = (typeof agentApi)['agent'];
type Input<K extends keyof Calls> = z.output<Calls[K]['input']>;
type Output<K extends keyof Calls> = z.input<Calls[K]['output']>;

/** What a tenant's runtime may ask of the control plane, over whatever carries it. */
export type AgentService = {
  /** Whether a runtime of the workspace waits for work here, and has room for it. */
  isAttended(workspaceId: string): boolean;
  /** @throws SluiceError client.upgrade_required, token.invalid */
  hello(input: Input<'hello'>): Promise<Output<'hello'>>;
  /** @throws SluiceError token.invalid */
  identify(token: string): Promise<AgentIdentity>;
  /** @param gone the caller hung up, or the server stops: answer at once and claim nothing */
  next(input: Input<'next'>, agent: AgentIdentity, gone?: AbortSignal): Promise<Output<'next'>>;
  /** @throws SluiceError run.fenced, workflow.not_found, step.not_found, queue.full, allowance_exceeded */
  start(input: Input<'start'>, agent: AgentIdentity): Promise<Output<'start'>>;
  /** @throws SluiceError run.fenced, run.gap */
  report(input: Input<'report'>, agent: AgentIdentity): Promise<Output<'report'>>;
};

const TOKEN_MS = 10 * 60_000;
const RENEW_MS = 5 * 60_000;
const KNOWN_MS = 2_000;
const TOUCH_MS = 15_000;
/** A lost signal costs at most this. */
const LOOK_MS = 5_000;
const HOUR_MS = 3_600_000;

export function createAgentService(deps: AgentDeps): AgentService {
  const {
    database,
    signals,
    vault,
    versionTrees,
    allowances,
    containers,
    logger,
    clock,
    ring,
    resumeUrl,
    leaseMs = 10_000,
  } = deps;
  const now = () => clock.now().getTime();
  const known = new Map<string, { agent: AgentIdentity; until: number }>();
  const touched = new Map<string, number>();
  const seats = createSeats(signals, now);

  async function giveToken(of: Pick<AgentIdentity, 'workspaceId' | 'containerId' | 'bootId'>) {
    const token = newToken(`slc_${of.workspaceId}`);
    const expiresAt = await database.withWorkspaceSql(of, (sql) =>
      insertAgentToken(sql, { ...of, id: newId(), tokenHash: hashToken(token), lifeMs: TOKEN_MS }),
    );
    return { token, expiresAt: expiresAt.toISOString() };
  }

  function touch(workspaceId: string): void {
    if (now() - (touched.get(workspaceId) ?? 0) < TOUCH_MS) return;
    touched.set(workspaceId, now());
    containers.touch(workspaceId).catch((error: Error) => {
      logger.warn('A container could not be marked as active.', { workspaceId, error: error.message });
    });
  }

  async function claim({ free, have }: Input<'next'>, agent: AgentIdentity): Promise<Assignment[]> {
    const { workspaceId, containerId } = agent;
    const drafts = await database.withWorkspaceSql(agent, async (sql) => {
      const runsAtOnce = (plan: PlanSlug) => PLANS[plan].runsAtOnce;
      const claims = await claimNext(sql, { workspaceId, owner: containerId, free, runsAtOnce, leaseMs });
      const about = { workspaceId, leaseMs, have: new Set(have), resumeUrl };
      const made = [];
      for (const one of claims) made.push(await draftAssignment(sql, one, about, versionTrees));
      return made.filter((draft) => draft !== undefined);
    });
    const runs: Assignment[] = [];
    for (const draft of drafts) {
      try {
        runs.push(await completeAssignment(workspaceId, draft, vault));
      } catch (thrown) {
        // The lease runs out and the run is tried again; the others are not held up.
        const { message } = SluiceError.from(thrown);
        logger.error('The secrets of a run could not be opened.', {
          workspaceId,
          runId: draft.assignment.runId,
          error: message,
        });
      }
    }
    return runs;
  }

  return {
    isAttended: seats.isAttended,
    async hello({ protocol, bootSecret, runtimeHash, node }) {
      if (protocol !== AGENT_PROTOCOL) {
        throw new SluiceError('client.upgrade_required', `This control plane speaks protocol ${AGENT_PROTOCOL}.`, {
          details: { protocol: AGENT_PROTOCOL },
          advice: 'Start the container from the image that belongs to this control plane.',
        });
      }
      const boot = await containers.verifyBoot({ bootSecret, runtimeHash, node });
      const plan = await database.withWorkspaceSql(boot, (sql) => allowances.planOf(sql, boot.workspaceId));
      const { token, expiresAt } = await giveToken(boot);
      const { workspaceId, containerId } = boot;
      return { workspaceId, containerId, token, expiresAt, limits: limitsOf(plan) };
    },

    async identify(token) {
      const [prefix, workspaceId = ''] = token.split('_');
      const tokenHash = hashToken(token);
      const cached = known.get(tokenHash);
      if (cached && cached.until > now()) return cached.agent;
      known.delete(tokenHash);
      const agent = UUID.test(workspaceId) && prefix === 'slc' ? await findAgent(workspaceId, tokenHash) : undefined;
      if (!agent) throw noToken();
      if (known.size > 10_000) known.clear();
      known.set(tokenHash, { agent, until: Math.min(now() + KNOWN_MS, agent.expiresAt.getTime()) });
      return agent;
    },

    async next(input, agent, gone) {
      const { workspaceId } = agent;
      containers.seen(workspaceId);
      const [began, until] = [now(), now() + input.waitMs];
      const runs: Assignment[] = [];
      const seat = seats.take(workspaceId, input.free);
      for (let isFirst = true; ; isFirst = false) {
        const left = until - now();
        const isQuiet = isFirst && left > 0 && seat.isQuiet();
        // Listening begins before looking, so that what comes between the two is heard.
        const signal = waitForSignal(
          signals,
          (one) => one.kind === 'work' && one.workspaceId === workspaceId,
          Math.max(0, Math.min(left, isQuiet ? QUIET_MS : LOOK_MS)),
          gone,
        );
        try {
          // Who waits long may have been let go meanwhile: nothing is handed out on what was true then.
          if (now() - began > KNOWN_MS && !(await findAgent(workspaceId, agent.tokenHash))) throw noToken();
          if (input.free > 0 && !gone?.aborted && !isQuiet) {
            runs.push(...(await seat.look(() => claim(input, agent))));
          }
          if (runs.length > 0 || left <= 0 || gone?.aborted) break;
          seat.waits(true);
          await signal.came;
        } finally {
          seat.waits(false);
          signal.stop();
        }
      }
      if (runs.length > 0) touch(workspaceId);
      const expiring = agent.expiresAt.getTime() - now() < RENEW_MS;
      return expiring ? { runs, token: await giveToken(agent) } : { runs };
    },

    async start(input, agent) {
      const { workspaceId } = agent;
      const started = await database.withWorkspaceSql(agent, (sql) =>
        startBeside(sql, { ...input, workspaceId }, { allowances, versionTrees, leaseMs }),
      );
      if (!started.repeated) ring({ ...started, workspaceId });
      return { runId: started.runId };
    },

    async report(input, agent) {
      if (input.events.length > 0) touch(agent.workspaceId);
      return ingestReport(
        { ...input, workspaceId: agent.workspaceId },
        { database, allowances, signals, clock, leaseMs, versionTrees, notices: deps.notices },
      );
    },
  };

  function findAgent(workspaceId: string, tokenHash: string): Promise<AgentIdentity | undefined> {
    return database.withWorkspaceSql({ workspaceId }, (sql) => findAgentToken(sql, workspaceId, tokenHash));
  }
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

function noToken(): SluiceError {
  return new SluiceError('token.invalid', 'The token does not hold (any more).', {
    advice: 'Say hello again with the secret of this start.',
  });
}

/** What a plan lets a runtime do. JSON has no infinity. */
function limitsOf(plan: Plan): Output<'hello'>['limits'] {
  const finite = (value: number) => Math.min(value, Number.MAX_SAFE_INTEGER);
  return {
    runsAtOnce: finite(plan.runsAtOnce),
    runTimeoutMs: plan.slug === 'free' ? HOUR_MS / 12 : HOUR_MS,
    loopIterations: finite(plan.loopIterations),
    storageBytes: finite(plan.storageBytes),
  };
}
