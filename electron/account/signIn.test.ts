import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { v7 as uuid } from 'uuid';
import { expect, onTestFinished, test, vi } from 'vitest';
import type { AccountState } from '#shared/contract/host/account.ts';
import { memoryStore } from '../vault/secretStore.ts';
import { createAccountService } from './accountService.ts';
import { beginSignIn } from './signIn.ts';

/** A small control plane: /authorize answers at once, /v1/auth/token checks the proof and rotates. */
async function startIdentity() {
  const user = { id: uuid(), email: 'robin@example.com', name: 'Robin', emailVerified: true };
  const codes = new Map<string, { challenge: string; redirectUri: string }>();
  const state = { refresh: '', access: new Set<string>(), renewals: 0, ended: false, signedOut: 0, slowMs: 0 };
  const server = createServer(async (request, response) => {
    const url = new URL(request.url ?? '/', 'http://127.0.0.1');
    const answer = (status: number, body: unknown) => {
      response.writeHead(status, { 'content-type': status < 400 ? 'application/json' : 'application/problem+json' });
      response.end(JSON.stringify(body));
    };
    const problem = (status: number, code: string) =>
      answer(status, { type: `urn:sluice:${code}`, title: 'No.', status, code });
    const tokens = () => {
      const accessToken = randomBytes(8).toString('hex');
      state.refresh = randomBytes(8).toString('hex');
      state.access.add(accessToken);
      return { accessToken, expiresIn: 900, refreshToken: state.refresh };
    };
    if (url.pathname === '/authorize') {
      const code = randomBytes(8).toString('hex');
      const redirectUri = url.searchParams.get('redirect_uri') ?? '';
      codes.set(code, { challenge: url.searchParams.get('code_challenge') ?? '', redirectUri });
      const back = new URL(redirectUri);
      back.search = new URLSearchParams({ code, state: url.searchParams.get('state') ?? '', iss: issuer }).toString();
      response.writeHead(303, { location: back.href }).end();
    } else if (url.pathname === '/v1/auth/token') {
      const body = JSON.parse(await textOf(request)) as Record<string, string>;
      if (body.grantType === 'refresh_token') {
        state.renewals++;
        await new Promise((done) => setTimeout(done, state.slowMs));
        if (state.ended || body.refreshToken !== state.refresh) return problem(401, 'session.expired');
        return answer(200, tokens());
      }
      const known = codes.get(body.code ?? '');
      codes.delete(body.code ?? '');
      const challenge = createHash('sha256')
        .update(body.codeVerifier ?? '')
        .digest('base64url');
      if (known?.challenge !== challenge || known.redirectUri !== body.redirectUri)
        return problem(401, 'token.invalid');
      answer(200, tokens());
    } else if (!state.access.has((request.headers.authorization ?? '').replace('Bearer ', '')))
      problem(401, 'access.unauthenticated');
    else if (url.pathname === '/v1/auth/whoami') answer(200, { user, workspaces: [] });
    else if (url.pathname === '/v1/auth/sign-out') {
      state.signedOut++;
      answer(200, { done: true });
    } else problem(404, 'request.not_found');
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const stop = async () => {
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
  };
  onTestFinished(stop);
  return { url: issuer, state, user, stop };
}

async function textOf(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const part of request) text += String(part);
  return text;
}

function accountOf(
  cloudUrl: string,
  { vault = memoryStore(), dataDir = mkdtempSync(join(tmpdir(), 'sluice-account-')) } = {},
) {
  const changes: AccountState[] = [];
  const account = createAccountService({
    cloudUrl,
    dataDir,
    vault,
    version: '0.1.0',
    onChanged: (state) => changes.push(state),
  });
  onTestFinished(account.close);
  return { account, changes, vault, dataDir };
}

test('a sign-in in the browser ends with an account, and with no token in any file', async () => {
  const identity = await startIdentity();
  const { account, changes, vault, dataDir } = accountOf(identity.url);
  expect(account.state().status).toBe('signed_out');
  const { url, finished } = await account.signIn();
  expect(new URL(url).searchParams.get('code_challenge_method')).toBe('S256');
  const page = await fetch(url);
  expect(await page.text()).toContain('You are signed in');
  expect(await finished).toMatchObject({ status: 'signed_in', user: identity.user, vault: 'memory' });
  expect(changes.map(({ status }) => status)).toEqual(['signing_in', 'signed_in']);
  expect(vault.get('account', 'http://127.0.0.1')).toBe(identity.state.refresh);
  const file = readFileSync(join(dataDir, 'account.json'), 'utf8');
  for (const token of [identity.state.refresh, ...identity.state.access]) expect(file).not.toContain(token);
});

test('a wrong state, a foreign issuer, a refusal and an answer without a code are each refused, and end the attempt', async () => {
  const cloudUrl = 'http://127.0.0.1:4400';
  for (const [change, message] of [
    [{ state: 'x'.repeat(43) }, 'belongs to another sign-in'],
    [{ iss: 'https://elsewhere.example' }, 'another control plane'],
    [{ error: 'access_denied' }, 'refused in the browser'],
    [{ code: '' }, 'holds no code'],
  ] as const) {
    const attempt = await beginSignIn({ cloudUrl, deviceName: 'The test' });
    const asked = new URL(attempt.url).searchParams;
    const back = new URL(asked.get('redirect_uri') ?? '');
    back.search = new URLSearchParams({
      code: 'c',
      state: asked.get('state') ?? '',
      iss: cloudUrl,
      ...change,
    }).toString();
    expect((await fetch(back)).status).toBe(400);
    await expect(attempt.grant).rejects.toMatchObject({
      code: 'sign_in.failed',
      message: expect.stringContaining(message),
    });
    await expect(fetch(back)).rejects.toThrow();
  }
});

test('the listener answers once: a second answer, other paths and other names of this computer get nothing', async () => {
  const cloudUrl = 'http://127.0.0.1:4400';
  const attempt = await beginSignIn({ cloudUrl, deviceName: 'The test' });
  const asked = new URL(attempt.url).searchParams;
  const back = new URL(asked.get('redirect_uri') ?? '');
  expect(back.hostname).toBe('127.0.0.1');
  expect((await fetch(new URL('/favicon.ico', back))).status).toBe(404);
  expect((await fetch(`http://localhost:${back.port}/`).catch(() => ({ status: 404 }))).status).toBe(404);
  back.search = new URLSearchParams({ code: 'c', state: asked.get('state') ?? '', iss: cloudUrl }).toString();
  const answers = await Promise.allSettled([fetch(back), fetch(back)]);
  expect(answers.filter((one) => one.status === 'fulfilled' && one.value.status === 200)).toHaveLength(1);
  expect(await attempt.grant).toMatchObject({ code: 'c' });
  await expect(fetch(back)).rejects.toThrow();
});

test('an answer that comes too late finds nobody', async () => {
  const attempt = await beginSignIn({ cloudUrl: 'http://127.0.0.1:4400', deviceName: 'The test', patienceMs: 20 });
  await expect(attempt.grant).rejects.toMatchObject({ code: 'sign_in.failed' });
  await expect(fetch(new URL(attempt.url).searchParams.get('redirect_uri') ?? '')).rejects.toThrow();
});

async function signedIn(identity: Awaited<ReturnType<typeof startIdentity>>) {
  const made = accountOf(identity.url);
  const { url, finished } = await made.account.signIn();
  await (await fetch(url)).text();
  await finished;
  return made;
}

test('many calls whose access token is refused renew it once', async () => {
  const identity = await startIdentity();
  const { account } = await signedIn(identity);
  identity.state.access.clear();
  identity.state.slowMs = 30;
  const client = account.client();
  const answers = await Promise.all(Array.from({ length: 8 }, () => client.auth.whoami({})));
  expect(answers).toHaveLength(8);
  expect(identity.state.renewals).toBe(1);
});

test('two programs that share a vault never use one refresh token twice', async () => {
  const identity = await startIdentity();
  const { vault, dataDir } = await signedIn(identity);
  identity.state.access.clear();
  identity.state.slowMs = 30;
  const others = [accountOf(identity.url, { vault, dataDir }), accountOf(identity.url, { vault, dataDir })];
  const states = await Promise.all(others.map(({ account }) => account.refresh()));
  expect(states.map(({ status }) => status)).toEqual(['signed_in', 'signed_in']);
});

test('a sign-in that has ended says so, keeps who it was, and a new one brings it back', async () => {
  const identity = await startIdentity();
  const { account } = await signedIn(identity);
  identity.state.access.clear();
  identity.state.ended = true;
  expect(await account.refresh()).toMatchObject({ status: 'expired', user: identity.user });
  await expect(account.client().auth.whoami({})).rejects.toMatchObject({ code: 'session.expired' });
  identity.state.ended = false;
  const { url, finished } = await account.signIn();
  await (await fetch(url)).text();
  expect(await finished).toMatchObject({ status: 'signed_in' });
});

test('without an answer the account is unreachable and known, also at the next start; then it is back', async () => {
  const identity = await startIdentity();
  const { account, vault, dataDir } = await signedIn(identity);
  await identity.stop();
  await expect(account.client().auth.whoami({})).rejects.toMatchObject({ code: 'cloud.unreachable' });
  expect(await account.refresh()).toMatchObject({ status: 'unreachable', user: identity.user });
  const next = accountOf(identity.url, { vault, dataDir });
  expect(await next.account.refresh()).toMatchObject({ status: 'unreachable', user: identity.user });
  next.account.noteReachable(true);
  expect(next.account.state().status).toBe('signed_in');
});

test('signing out ends the session there, forgets it here, and works without an answer too', async () => {
  const identity = await startIdentity();
  const { account, vault } = await signedIn(identity);
  await account.signOut();
  expect(identity.state.signedOut).toBe(1);
  expect(account.state()).toMatchObject({ status: 'signed_out', workspaces: [] });
  expect(vault.get('account', 'http://127.0.0.1')).toBeUndefined();
  await expect(account.client().auth.whoami({})).rejects.toMatchObject({ code: 'access.unauthenticated' });

  const second = await signedIn(identity);
  await identity.stop();
  await second.account.signOut();
  expect(second.account.state().status).toBe('signed_out');
});

test('a cancelled sign-in, and one that another replaced, leave the account as it was', async () => {
  const identity = await startIdentity();
  const { account } = accountOf(identity.url);
  const first = await account.signIn();
  const second = await account.signIn();
  await expect(first.finished).rejects.toMatchObject({ code: 'sign_in.failed' });
  expect(account.state().status).toBe('signing_in');
  account.cancelSignIn();
  await expect(second.finished).rejects.toMatchObject({ code: 'sign_in.failed' });
  await vi.waitFor(() => expect(account.state().status).toBe('signed_out'), { timeout: 60_000 });
});
