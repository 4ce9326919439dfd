import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { SluiceError } from '#shared/error.ts';

/** What the control plane sends back for, and what proves that it was us who asked. */
export type Grant = { code: string; codeVerifier: string; redirectUri: string };

export type SignInAttempt = {
  /** To be opened in the system's browser. */
  url: string;
  /** @throws SluiceError sign_in.failed: refused, another's answer, too late, or cancelled */
  grant: Promise<Grant>;
  cancel(): void;
};

export type SignInDeps = {
  cloudUrl: string;
  /** As the devices page shows it. */
  deviceName: string;
  /** How long the person may take. */
  patienceMs?: number;
};

const PATIENCE_MS = 5 * 60_000;

/**
 * A sign-in by the system's browser (RFC 8252, PKCE S256): listens on a loopback port of its own for exactly one answer,
 * then never again.
 */
export async function beginSignIn({
  cloudUrl,
  deviceName,
  patienceMs = PATIENCE_MS,
}: SignInDeps): Promise<SignInAttempt> {
  const state = randomBytes(32).toString('base64url');
  const codeVerifier = randomBytes(48).toString('base64url');
  const server = createServer();
  await listen(server);
  const { port } = server.address() as AddressInfo;
  const redirectUri = `http://127.0.0.1:${port}/`;

  const end = Promise.withResolvers<Grant>();
  // Whoever started the attempt may not look at it before it is over.
  end.promise.catch(() => undefined);
  const close = () => {
    clearTimeout(timer);
    server.close();
    server.closeIdleConnections();
  };
  const fail = (message: string, advice = 'Start the sign-in again.') => {
    close();
    end.reject(new SluiceError('sign_in.failed', message, { advice }));
  };
  const timer = setTimeout(() => fail('Nobody finished the sign-in in the browser in time.'), patienceMs);

  let answered = false;
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    const url = new URL(request.url ?? '/', redirectUri);
    const fits = request.method === 'GET' && url.pathname === '/' && request.headers.host === `127.0.0.1:${port}`;
    if (answered || !fits)
      return show(response, 404, 'There is nothing here', 'This address answers one sign-in, once.');
    answered = true;
    const outcome = readAnswer(url.searchParams, { state, cloudUrl });
    if ('problem' in outcome) {
      show(response, 400, 'You are not signed in', `${outcome.problem} You can close this tab.`);
      fail(outcome.problem);
    } else {
      show(response, 200, 'You are signed in', 'Go back to Sluice. You can close this tab.');
      close();
      end.resolve({ code: outcome.code, codeVerifier, redirectUri });
    }
  });

  const url = new URL('/authorize', cloudUrl);
  url.search = new URLSearchParams({
    response_type: 'code',
    redirect_uri: redirectUri,
    state,
    code_challenge: createHash('sha256').update(codeVerifier).digest('base64url'),
    code_challenge_method: 'S256',
    device: deviceName,
  }).toString();
  return {
    url: url.href,
    grant: end.promise,
    cancel: () => fail('The sign-in was cancelled.'),
  };
}

/** The state says that it is our request that is answered; `iss` says who answers (RFC 9207). */
function readAnswer(
  query: URLSearchParams,
  expected: { state: string; cloudUrl: string },
): { code: string } | { problem: string } {
  const one = (name: string) => (query.getAll(name).length === 1 ? (query.get(name) ?? '') : '');
  if (!same(one('state'), expected.state)) return { problem: 'The answer belongs to another sign-in.' };
  const iss = one('iss');
  if (!URL.canParse(iss) || new URL(iss).origin !== new URL(expected.cloudUrl).origin) {
    return { problem: 'The answer came from another control plane.' };
  }
  if (query.has('error')) return { problem: 'The sign-in was refused in the browser.' };
  const code = one('code');
  return code ? { code } : { problem: 'The answer holds no code.' };
}

function same(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}

function show(response: ServerResponse, status: number, title: string, text: string): void {
  const style = 'font:16px/1.5 system-ui;max-width:32rem;margin:20vh auto;padding:0 1rem;color-scheme:light dark';
  const nonce = randomBytes(12).toString('base64');
  response.writeHead(status, {
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': `default-src 'none'; style-src 'nonce-${nonce}'; frame-ancestors 'none'`,
    'cache-control': 'no-store',
    'referrer-policy': 'no-referrer',
    connection: 'close',
  });
  response.end(
    `<!doctype html><html lang="en"><meta charset="utf-8"><title>${title}</title><style nonce="${nonce}">body{${style}}</style><h1>${title}</h1><p>${text}</p></html>`,
  );
}

async function listen(server: Server): Promise<void> {
  await new Promise<void>((done, fail) => {
    server.once('error', (cause) => {
      fail(new SluiceError('port.in_use', 'No port for the sign-in could be opened on this computer.', { cause }));
    });
    // Not "localhost": that may be another address, and somebody else may answer there (RFC 8252, 8.3).
    server.listen(0, '127.0.0.1', done);
  });
}
