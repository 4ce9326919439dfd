import { expectedOf, githubHeaders, type Payload } from './payloads.ts';

export type Sent = {
  payload: Payload;
  status: number;
  body: Record<string, unknown>;
  headers: Headers;
  delivery: string;
};

/** Sends payloads to a webhook, some at a time, in order. */
export async function sendAll(url: string, payloads: Payload[], secret: string, atOnce = 1): Promise<Sent[]> {
  const sent: Sent[] = [];
  let next = 0;
  const worker = async () => {
    for (let index = next++; index < payloads.length; index = next++) {
      sent[index] = await sendOne(url, payloads[index] as Payload, secret);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  return sent;
}

export async function sendOne(
  url: string,
  payload: Payload,
  secret: string,
  delivery: string = crypto.randomUUID(),
): Promise<Sent> {
  return post(url, payload, githubHeaders(payload, secret, delivery), delivery);
}

export async function post(
  url: string,
  payload: Payload,
  headers: Record<string, string>,
  delivery = '',
): Promise<Sent> {
  const reply = await fetch(url, { method: 'POST', headers, body: payload.body });
  const text = await reply.text();
  return {
    payload,
    status: reply.status,
    body: text.startsWith('{') ? (JSON.parse(text) as Record<string, unknown>) : {},
    headers: reply.headers,
    delivery,
  };
}

/** What is wrong with the answers to some payloads, as sentences; none when all are as worked out. */
export function wrongAnswers(sent: Sent[], filed: ReadonlyMap<string, number>): string[] {
  const problems: string[] = [];
  const filedBy = new Map<string, number>();
  for (const { payload, status, body } of sent) {
    const expected = expectedOf(payload);
    const result = String(body.result ?? (body.runId ? 'none' : '?'));
    const right =
      expected.result === 'filed or known' ? result === 'filed' || result === 'known' : result === expected.result;
    if (status !== 200 || !right)
      problems.push(`${payload.event} was answered ${status} ${result}, expected 200 ${expected.result}`);
    if (result === 'filed' && expected.key) filedBy.set(expected.key, (filedBy.get(expected.key) ?? 0) + 1);
  }
  for (const key of new Set(sent.map(({ payload }) => expectedOf(payload).key).filter((key) => key !== undefined))) {
    const scores = sent
      .map(({ payload }) => expectedOf(payload))
      .filter((expected) => expected.key === key)
      .map(({ score }) => score);
    if ((filedBy.get(key) ?? 0) > 1) problems.push(`${key} was said to be filed ${filedBy.get(key)} times`);
    // Whichever of an issue's payloads came first is the one that is filed.
    if (!scores.includes(filed.get(key)))
      problems.push(`the tracker has ${key} with score ${filed.get(key)}, expected ${scores.join(' or ')}`);
  }
  return problems;
}

/** Step runs that payloads take: those of a key filed for the first time run one step more. */
export function stepsOf(sent: Sent[]): number {
  return sent.reduce(
    (sum, { payload, body }) => sum + expectedOf(payload).steps + (body.result === 'filed' ? 1 : 0),
    0,
  );
}

/** Sends a body that was changed after it was signed. */
export function postAltered(url: string, payload: Payload, secret: string): Promise<Sent> {
  const altered = { ...payload, body: payload.body.replace('{', '{"altered":true,') };
  return post(url, altered, githubHeaders(payload, secret));
}
