import { createHash, createHmac, randomUUID } from 'node:crypto';
import { createRequire } from 'node:module';

/** One webhook as GitHub sends it. */
export type Payload = { event: string; body: string };

/** What the issue triage must make of a payload, worked out without any of the product's code. */
export type Expected = { result: 'filed or known' | 'ignored' | 'none'; key?: string; score?: number; steps: number };

type Subject = { number: number; title: string; body: string | null; comments?: number; labels?: { name: string }[] };
type Body = {
  action?: string;
  sender?: { type?: string };
  issue?: Subject;
  pull_request?: Subject;
  repository?: { full_name: string };
};

/** GitHub's published examples, each text once. */
export function examplePayloads(): Payload[] {
  const examples = createRequire(import.meta.url)('@octokit/webhooks-examples/api.github.com/index.json') as {
    name: string;
    examples: object[];
  }[];
  const seen = new Set<string>();
  const payloads: Payload[] = [];
  for (const { name, examples: bodies } of examples) {
    for (const example of bodies) {
      const body = JSON.stringify(example);
      const hash = createHash('sha256').update(body).digest('hex');
      if (!seen.has(hash)) payloads.push({ event: name, body });
      seen.add(hash);
    }
  }
  return payloads;
}

/** New issues, each with a number of its own, after the published example of an opened one. */
export function openedIssues(count: number, from: number): Payload[] {
  const example = examplePayloads().find(
    ({ event, body }) => event === 'issues' && (JSON.parse(body) as Body).action === 'opened',
  );
  if (!example) throw new Error('The examples hold no opened issue.');
  return Array.from({ length: count }, (_entry, index) => {
    const body = JSON.parse(example.body) as Body;
    if (body.issue) body.issue.number = from + index;
    return { event: 'issues', body: JSON.stringify(body) };
  });
}

const WEIGHT = new Map([
  ['bug', 3],
  ['security', 5],
  ['regression', 4],
  ['question', -1],
]);

export function expectedOf({ event, body }: Payload): Expected {
  const { action = '', sender, issue, pull_request: pull, repository } = JSON.parse(body) as Body;
  // Only the filter runs.
  if (event === 'ping' || sender?.type === 'Bot') return { result: 'none', steps: 1 };
  const begun = action === 'opened' || action === 'reopened';
  const subject = event === 'issues' ? issue : event === 'pull_request' ? pull : undefined;
  // Filter, switch, ignored, answer.
  if (!begun || !subject || !repository) return { result: 'ignored', steps: 4 };
  const labels = (subject.labels ?? []).map(({ name }) => WEIGHT.get(name.toLowerCase()) ?? 1);
  const score =
    labels.reduce((sum, weight) => sum + weight, 0) +
    Math.min(3, Math.floor((subject.body ?? '').length / 200)) +
    Math.min(2, subject.comments ?? 0);
  // Filter, switch, score, table, if, known, answer; the first of a key has post and filed in place of known.
  return { result: 'filed or known', key: `${repository.full_name}#${subject.number}`, score, steps: 7 };
}

/** The headers GitHub sends, signed as GitHub signs. */
export function githubHeaders(
  { event, body }: Payload,
  secret: string,
  delivery: string = randomUUID(),
): Record<string, string> {
  return {
    'content-type': 'application/json',
    'user-agent': 'GitHub-Hookshot/demo',
    'x-github-event': event,
    'x-github-delivery': delivery,
    'x-hub-signature-256': `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`,
  };
}

/** Headers of the scheme that signs a time with the body. */
export function timedHeaders(body: string, secret: string, atMs: number): Record<string, string> {
  const timestamp = String(Math.floor(atMs / 1000));
  return {
    'content-type': 'application/json',
    'sluice-id': randomUUID(),
    'sluice-timestamp': timestamp,
    'sluice-signature': `v1=${createHmac('sha256', secret).update(`${timestamp}.${body}`).digest('hex')}`,
  };
}
