import { v7 as newId } from 'uuid';
import { applyOps, type Commit, commitOf } from '#shared/merge/ops.ts';
import { rebaseCommit, type TakenCommit } from '#shared/merge/rebaseCommit.ts';
import { DEFAULT_SETTINGS, type Tree } from '#shared/workflow/tree.ts';
import type { Answer, Person } from '../../fixtures/cloud.ts';

export const WORKFLOW = '0199f2c4-0002-7000-8000-00000000f10f';
const STEPS = 500;

/** One workflow of 500 steps in a chain. */
export function largeTree(projectId: string): Tree {
  const ids = Array.from({ length: STEPS }, (_, i) => `s${i}`);
  return {
    project: { id: projectId, name: 'Large', format: 1 },
    workflows: {
      [WORKFLOW]: {
        slug: 'large',
        name: 'Large',
        settings: DEFAULT_SETTINGS,
        steps: Object.fromEntries(
          ids.map((id, i) => [
            id,
            {
              uses: 'items.set',
              version: 1,
              name: `Step ${i}`,
              config: { fields: { n: 0, text: `{{ $json.field${i} }}`, more: 'and some more text '.repeat(4) } },
              onError: 'stop',
              mode: 'each',
            },
          ]),
        ),
        edges: Object.fromEntries(ids.slice(1).map((id, i) => [`s${i}.main->${id}.main`, {}])),
        layout: Object.fromEntries(ids.map((id, i) => [id, [i * 200, 0]])),
      },
    },
    scripts: {},
    machines: {},
    environments: {},
    connections: {},
    tests: {},
    pins: {},
  };
}

export type Written = {
  commits: number;
  refused: number;
  rebasedByServer: number;
  mostTries: number;
  /** How long pushes took, in milliseconds, as the writers saw it. */
  p50: number;
  p95: number;
  head: { revision: number; hash: string; tree: Tree };
};

type Call = Person['call'];

/** So many writers at once, each with so many commits of one field: none waits for another, all follow what the others do. */
export async function writeAtOnce(
  call: Call,
  projectId: string,
  { writers, commits }: { writers: number; commits: number },
): Promise<Written> {
  const written = { commits: 0, refused: 0, rebasedByServer: 0, mostTries: 0 };
  const took: number[] = [];
  const path = `/v1/projects/${projectId}`;
  const first = await asked<Written['head']>(call('GET', `${path}/head`));

  async function newer(since: number): Promise<TakenCommit[]> {
    const { commits: taken } = await asked<{ commits: { revision: number; commit: Commit }[] }>(
      call('GET', `${path}/commits?since=${since}`),
    );
    return taken;
  }

  async function write(writer: number): Promise<void> {
    let base = { revision: first.revision, tree: first.tree };
    const follow = (taken: TakenCommit[]) => {
      base = {
        revision: taken.at(-1)?.revision ?? base.revision,
        tree: taken.reduce((now, { commit }) => applyOps(now, commit.ops), base.tree),
      };
    };
    for (let i = 0; i < commits; i++) {
      // All over the workflow, and no two at one step at once: what meets is for the histories.
      const next = withN(base.tree, `s${(i * 37 + writer * 11) % STEPS}`, writer * 1_000_000 + i);
      const about = { commitId: newId(), deviceId: newId(), baseRevision: base.revision, origin: 'canvas' as const };
      let commit = commitOf(base.tree, next, about);
      for (let tries = 1; ; tries++) {
        written.mostTries = Math.max(written.mostTries, tries);
        const began = performance.now();
        const { status, body } = await call<{ rebased: boolean; code?: string }>('POST', `${path}/commits`, { commit });
        took.push(performance.now() - began);
        if (status === 200) {
          if (body.rebased) written.rebasedByServer++;
          break;
        }
        if (status !== 409) throw new Error(`A push was answered with ${status} ${body.code}.`);
        written.refused++;
        const taken = await newer(base.revision);
        const { rebased } = rebaseCommit(base.tree, taken, commit);
        follow(taken);
        if (!rebased) break;
        commit = rebased;
      }
      written.commits++;
      follow(await newer(base.revision));
    }
  }

  await Promise.all(Array.from({ length: writers }, (_, writer) => write(writer)));
  const head = await asked<Written['head']>(call('GET', `${path}/head`));
  took.sort((a, b) => a - b);
  const at = (part: number) => Math.round(took[Math.floor((took.length - 1) * part)] as number);
  return { ...written, p50: at(0.5), p95: at(0.95), head };
}

export function toldWriters(
  { commits, refused, rebasedByServer, mostTries, p50, p95 }: Written,
  { writers }: { writers: number },
): string {
  return (
    `${writers} writers at one workflow of ${STEPS} steps: N = ${commits} commits, ${rebasedByServer} rebased by the server, ` +
    `${refused} refused with 409, at most ${mostTries} tries; p50 ${p50} ms, p95 ${p95} ms as the writers saw it`
  );
}

function withN(tree: Tree, stepId: string, n: number): Tree {
  const workflow = tree.workflows[WORKFLOW];
  const step = workflow?.steps[stepId];
  if (!workflow || !step) throw new Error(`There is no step ${stepId}.`);
  const fields = { ...(step.config.fields as object), n };
  const steps = { ...workflow.steps, [stepId]: { ...step, config: { fields } } };
  return { ...tree, workflows: { [WORKFLOW]: { ...workflow, steps } } };
}

async function asked<T>(answering: Promise<Answer<unknown>>): Promise<T> {
  const { status, body } = await answering;
  if (status !== 200) throw new Error(`Answered with ${status}: ${JSON.stringify(body).slice(0, 300)}`);
  return body as T;
}
