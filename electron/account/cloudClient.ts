import { type CloudApi, cloudApi } from '#shared/contract/cloudApi.ts';
import { type Client, createClient, findCall, type HttpCall } from '#shared/contract/contract.ts';
import { SluiceError } from '#shared/error.ts';
import type { JsonObject } from '#shared/json.ts';

/** The control plane's calls. `workspaceId` is sent with those that need one. */
export type CloudClient = Client<CloudApi>;

export type CloudClientDeps = {
  cloudUrl: string;
  /** Named to the server, which shows it on the devices page and expects the same one to renew a sign-in. */
  userAgent: string;
  /** Whose access token goes along. Absent: only public calls work. */
  session?: SessionTokens;
  /** Which workspace the calls are for. */
  workspaceId?: string;
  /** For tests and slow lines. */
  timeoutMs?: number;
  /** Waits and asks again where the control plane wants to be asked less often. For a program, which has nothing else to do. */
  patient?: boolean;
};

/** Access to the control plane: a token now, and a newer one where that is refused. */
export type SessionTokens = {
  /** @throws SluiceError access.unauthenticated, session.expired, cloud.unreachable */
  access(): Promise<string>;
  /** A token that is not `refused`. Many callers at once cause one renewal. @throws SluiceError like `access` */
  renew(refused: string): Promise<string>;
};

const TIMEOUT_MS = 30_000;
/** Several times the largest project. */
const MAX_ANSWER_BYTES = 100 * 1_048_576;
const PATIENT_TRIES = 20;
const LONGEST_WAIT_S = 10;

/**
 * A client over HTTP. What the control plane refuses arrives as the error it named; no answer at all as `cloud.unreachable`.
 * A POST carries an Idempotency-Key of its own, and is sent again by nobody but its caller.
 */
export function createCloudClient(deps: CloudClientDeps): CloudClient {
  return createClient(cloudApi, (name, input) => send(deps, name, input as Record<string, unknown>));
}

async function send(deps: CloudClientDeps, name: string, input: Record<string, unknown>): Promise<unknown> {
  const call = findCall(cloudApi, name) as HttpCall;
  const request = requestOf(deps.cloudUrl, call.route, input);
  if (call.access === 'public') return answerOf(deps, await ask(deps, request, undefined));
  if (!deps.session) throw notSignedIn();
  const token = await deps.session.access();
  const response = await ask(deps, request, token);
  if (response.status !== 401) return answerOf(deps, response);
  await response.body?.cancel();
  return answerOf(deps, await ask(deps, request, await deps.session.renew(token)));
}

type HttpRequest = { url: string; method: string; body?: string; key?: string };

/** Names after `:` go into the path; the rest is the query or the body. */
function requestOf(cloudUrl: string, route: string, input: Record<string, unknown>): HttpRequest {
  const [method = '', path = ''] = route.split(' ');
  const rest = { ...input };
  const filled = path.replace(/:([A-Za-z]+)/g, (_match, name: string) => {
    const value = String(rest[name]);
    delete rest[name];
    return encodeURIComponent(value);
  });
  const url = new URL(filled, cloudUrl);
  if (method === 'GET' || method === 'DELETE') {
    for (const [name, value] of Object.entries(rest)) {
      if (value !== undefined) url.searchParams.set(name, String(value));
    }
    return { url: url.href, method };
  }
  const body = JSON.stringify(rest);
  return method === 'POST'
    ? { url: url.href, method, body, key: crypto.randomUUID() }
    : { url: url.href, method, body };
}

async function ask(deps: CloudClientDeps, request: HttpRequest, token: string | undefined): Promise<Response> {
  for (let left = deps.patient ? PATIENT_TRIES : 0; ; left--) {
    const response = await askOnce(deps, request, token);
    const seconds = Number(response.headers.get('retry-after'));
    if (response.status !== 429 || left === 0 || !(seconds <= LONGEST_WAIT_S)) return response;
    // Refused before anything was done; the key of a POST stays the same all the same.
    await response.body?.cancel();
    await new Promise((done) => setTimeout(done, Math.max(0.1, seconds) * 1_000));
  }
}

async function askOnce(deps: CloudClientDeps, request: HttpRequest, token: string | undefined): Promise<Response> {
  const { url, method, body, key } = request;
  const headers: Record<string, string> = { accept: 'application/json', 'user-agent': deps.userAgent };
  if (body !== undefined) headers['content-type'] = 'application/json';
  if (key !== undefined) headers['idempotency-key'] = key;
  if (token !== undefined) headers.authorization = `Bearer ${token}`;
  if (deps.workspaceId !== undefined) headers['sluice-workspace'] = deps.workspaceId;
  const signal = AbortSignal.timeout(deps.timeoutMs ?? TIMEOUT_MS);
  try {
    return await fetch(url, { method, body, headers, signal, redirect: 'error' });
  } catch (thrown) {
    throw unreachable(deps.cloudUrl, thrown);
  }
}

async function answerOf({ cloudUrl }: CloudClientDeps, response: Response): Promise<unknown> {
  let answer: unknown;
  try {
    answer = JSON.parse(await textOf(response));
  } catch (thrown) {
    // Something between us and the control plane answered in its place, or the answer broke off.
    throw unreachable(cloudUrl, thrown);
  }
  if (response.ok) return answer;
  throw problemOf(cloudUrl, answer);
}

async function textOf(response: Response): Promise<string> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of response.body ?? []) {
    bytes += part.byteLength;
    if (bytes > MAX_ANSWER_BYTES) throw new Error(`The answer has more than ${MAX_ANSWER_BYTES} bytes.`);
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}

function problemOf(cloudUrl: string, answer: unknown): SluiceError {
  const { code, title, detail, details } = (answer ?? {}) as Record<string, unknown>;
  if (typeof code !== 'string') return unreachable(cloudUrl, answer);
  return SluiceError.fromWire({
    code,
    message: typeof title === 'string' ? title : 'The control plane refused this.',
    ...(typeof detail === 'string' ? { detail } : {}),
    ...(typeof details === 'object' && details !== null ? { details: details as JsonObject } : {}),
  });
}

export function unreachable(cloudUrl: string, cause: unknown): SluiceError {
  return new SluiceError('cloud.unreachable', `The control plane at ${cloudUrl} does not answer.`, {
    advice: 'Work goes on here and is sent later. Check the connection, and whether it runs.',
    cause,
  });
}

export function notSignedIn(): SluiceError {
  return new SluiceError('access.unauthenticated', 'You are not signed in.', { advice: 'Sign in first.' });
}
