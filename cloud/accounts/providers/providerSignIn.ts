import { createHmac } from 'node:crypto';
import { v7 as uuidv7 } from 'uuid';
import { SluiceError } from '#shared/error.ts';
import type { Logger } from '#shared/log.ts';
import type { Clock } from '../../platform/clock.ts';
import { type Database, isTaken } from '../../platform/database.ts';
import type { Mail } from '../../platform/mail.ts';
import type { Secrets } from '../../platform/secrets.ts';
import { hashToken, newToken } from '../../platform/tokens.ts';
import type { Caller, SignedIn } from '../../server/actor.ts';
import { insertWorkspace } from '../../workspaces/workspaceStore.ts';
import { findUser, findUserByEmail, recordAccountEvent } from '../accountStore.ts';
import { connectedLetter } from '../letters.ts';
import type { AttemptSecrets, Provider, ProviderIdentity, ProviderName } from './provider.ts';
import * as store from './providerStore.ts';

export type ProviderSignInDeps = {
  db: Database;
  clock: Clock;
  mail: Mail;
  secrets: Secrets;
  logger: Logger;
  publicUrl: string;
  providers: Provider[];
};

/** How a sign-in with a provider ended: somebody is known, or has to say that an account is theirs. */
export type ProviderOutcome = { userId: string; next: string } | { confirm: true };

export type Waiting = { provider: ProviderName; title: string; email: string; name: string; next: string };
export type ConnectedAccount = { provider: ProviderName; title: string; email?: string };

const LIFE_MS = 10 * 60_000;

export type ProviderSignIn = ReturnType<typeof createProviderSignIn>;

/**
 * Sign-in with an account of another provider. An account of ours that exists is connected only by somebody who is signed in
 * to it and confirms that; an e-mail address alone, verified or not, opens nothing.
 */
export function createProviderSignIn(deps: ProviderSignInDeps) {
  const { db, clock, mail, secrets, logger, publicUrl, providers } = deps;
  const redirectUri = (name: ProviderName) => `${publicUrl}/sign-in/with/${name}/answer`;

  function providerNamed(name: string): Provider {
    const found = providers.find((provider) => provider.name === name);
    if (found) return found;
    throw new SluiceError('request.not_found', 'Nobody can sign in with that here.', {
      advice: 'Sign in with your e-mail address and password.',
    });
  }

  const titleOf = (name: ProviderName) => providers.find((provider) => provider.name === name)?.title ?? name;

  async function create(
    provider: ProviderName,
    { accountId, name, emails }: ProviderIdentity,
    caller: Caller,
  ): Promise<string> {
    const id = uuidv7();
    const email = emails[0] ?? '';
    const { ip, userAgent, requestId } = caller;
    const founder = { userId: id, name, ip, userAgent, requestId };
    await insertWorkspace(db, secrets, founder, `${name}’s workspace`.slice(0, 120), async (tx) => {
      await store.insertVerifiedUser(tx, { id, email, name, emailVerifiedAt: clock.now() });
      await store.insertLinked(tx, { userId: id, provider, providerAccountId: accountId, email });
    });
    const record = { action: 'auth.register', metadata: { provider }, ip, userAgent };
    await db.withUser(id, (tx) => recordAccountEvent(tx, id, record, clock.now()));
    return id;
  }

  return {
    /** Those that are set up here. */
    offered: providers.map(({ name, title }) => ({ name, title })),

    /** Sends a browser to a provider. @returns what its cookie is to hold, and where it goes */
    async begin(name: string, next: string): Promise<{ cookie: string; url: string }> {
      const provider = providerNamed(name);
      const cookie = newToken('slps');
      const url = await provider.authorizationUrl(secretsOf(cookie), redirectUri(provider.name));
      const now = clock.now();
      const expiresAt = new Date(now.getTime() + LIFE_MS);
      const row = { cookieHash: hashToken(cookie), provider: provider.name, next, expiresAt };
      await db.withoutTenant((tx) => store.insertAttempt(tx, now, row));
      return { cookie, url: url.href };
    },

    /**
     * The browser is back. Whatever is not exactly what this browser's attempt asked for is refused, with the same words.
     *
     * @param session who is signed in already: then nobody else is signed in, and no account made
     * @param mayRegister throws where no more accounts may be made now
     * @throws SluiceError sign_in.failed
     */
    async finish(
      name: string,
      cookie: string | undefined,
      answer: URLSearchParams,
      caller: Caller,
      { session, mayRegister }: { session?: SignedIn; mayRegister(): Promise<void> },
    ): Promise<ProviderOutcome> {
      const provider = providerNamed(name);
      const cookieHash = hashToken(cookie ?? '');
      const next = await db.withoutTenant((tx) => store.useAttempt(tx, provider.name, cookieHash, clock.now()));
      if (cookie === undefined || next === undefined) throw failed(provider.title);
      let identity: ProviderIdentity;
      try {
        identity = await provider.identify(answer, secretsOf(cookie), redirectUri(provider.name));
      } catch (cause) {
        // Why is for the operator: whoever forges answers learns nothing from ours.
        logger.warn('A sign-in with a provider was refused.', { provider: name, reason: reasonOf(cause) });
        throw failed(provider.title);
      }
      const linked = await store.findLinked(db, provider.name, identity.accountId);
      if (linked?.user.deletedAt) throw leaving();
      if (linked && session && session.userId !== linked.userId) throw taken(provider.title);
      if (linked) return { userId: linked.userId, next };
      const [email] = identity.emails;
      if (email === undefined) throw unverified(provider.title);
      const confirm = async () => {
        await db.withoutTenant((tx) => store.keepIdentity(tx, cookieHash, identity));
        return { confirm: true as const };
      };
      if (session || (await findUserByEmail(db, email))) return confirm();
      await mayRegister();
      try {
        return { userId: await create(provider.name, identity, caller), next };
      } catch (thrown) {
        // Somebody signed up with the address, or with this very account, in the same moment.
        if (isTaken(thrown)) throw failed(provider.title);
        throw thrown;
      }
    },

    /** What waits in this browser for its owner's word. */
    async waiting(cookie: string | undefined): Promise<Waiting | undefined> {
      if (cookie === undefined) return undefined;
      const row = await db.withoutTenant((tx) => store.findWaiting(tx, hashToken(cookie), clock.now()));
      if (!row) return undefined;
      const { provider, identity, next } = row;
      return { provider, title: titleOf(provider), name: identity.name, email: identity.emails[0] ?? '', next };
    },

    /** Connects what waits with the account that is signed in. @throws SluiceError sign_in.failed, access.denied, user.exists */
    async connect(cookie: string | undefined, session: SignedIn, { ip, userAgent }: Caller): Promise<Waiting> {
      const cookieHash = hashToken(cookie ?? '');
      const now = clock.now();
      const row = await db.withoutTenant((tx) => store.findWaiting(tx, cookieHash, now));
      if (!row) throw failed('the other provider');
      const { provider, identity, next } = row;
      const title = titleOf(provider);
      if (!session.emailVerified || !identity.emails.includes(session.email)) throw otherAddress(title, session);
      try {
        await db.withUser(session.userId, async (tx) => {
          if (!(await store.takeWaiting(tx, cookieHash, now))) throw failed(title);
          const { userId, email } = session;
          await store.insertLinked(tx, { userId, provider, providerAccountId: identity.accountId, email });
          const record = { action: 'auth.provider_connect', metadata: { provider }, ip, userAgent };
          await recordAccountEvent(tx, userId, record, now);
        });
      } catch (thrown) {
        if (isTaken(thrown)) throw taken(title);
        throw thrown;
      }
      const { email: to, name } = session;
      await mail.send(connectedLetter({ to, name, title, url: `${publicUrl}/connected-accounts` }));
      return { provider, title, name: identity.name, email: session.email, next };
    },

    /** What this person can sign in with, and could. */
    async list(userId: string): Promise<ConnectedAccount[]> {
      const linked = await store.listLinked(db, userId);
      const names = new Set([
        ...providers.map(({ name }) => name),
        ...linked.map((row) => row.provider as ProviderName),
      ]);
      return [...names].map((provider) => {
        const row = linked.find((one) => one.provider === provider);
        return { provider, title: titleOf(provider), ...(row ? { email: row.email } : {}) };
      });
    },

    /** @throws SluiceError access.denied where nothing would be left to sign in with */
    async disconnect(provider: string, { userId }: SignedIn, { ip, userAgent }: Caller): Promise<void> {
      const user = await findUser(db, userId);
      const linked = await store.listLinked(db, userId);
      if (!linked.some((row) => row.provider === provider)) return;
      if (!user?.passwordHash && linked.length < 2) {
        throw new SluiceError('access.denied', 'It is the only thing that signs you in.', {
          advice: 'Set a password first, by "Forgot the password?" on the sign-in page.',
        });
      }
      await db.withUser(userId, async (tx) => {
        if (!(await store.removeLinked(tx, userId, provider as ProviderName))) return;
        const record = { action: 'auth.provider_disconnect', metadata: { provider }, ip, userAgent };
        await recordAccountEvent(tx, userId, record, clock.now());
      });
    },
  };
}

/** The cookie's secret is never sent to a provider, so none of what it answers can be made up without the browser. */
function secretsOf(cookie: string): AttemptSecrets {
  const derive = (what: string) => createHmac('sha256', cookie).update(what).digest('base64url');
  return { state: derive('state'), nonce: derive('nonce'), verifier: derive('verifier') };
}

function reasonOf(cause: unknown): string {
  const { code, message } = cause as { code?: unknown; message?: unknown };
  return typeof code === 'string' ? code : String(message).slice(0, 200);
}

function failed(title: string): SluiceError {
  return new SluiceError('sign_in.failed', `The sign-in with ${title} did not work.`, {
    advice: 'Start it again from the sign-in page.',
  });
}

function unverified(title: string): SluiceError {
  return new SluiceError('sign_in.failed', `${title} has not verified an e-mail address of this account.`, {
    advice: 'Verify one there, or sign up here with your e-mail address.',
  });
}

function taken(title: string): SluiceError {
  return new SluiceError('user.exists', `This account of ${title} belongs to another Sluice account.`, {
    advice: 'Sign out, then sign in with it, or disconnect it there.',
  });
}

function leaving(): SluiceError {
  return new SluiceError('sign_in.failed', 'The account that this signs in to is being deleted.', {
    advice: 'To keep it, open the link in the letter that we sent when you asked for that.',
  });
}

function otherAddress(title: string, { email, emailVerified }: SignedIn): SluiceError {
  if (!emailVerified) {
    return new SluiceError('mail.not_verified', 'Your e-mail address is not confirmed yet.', {
      advice: 'Open the link in the mail we sent you when you signed up.',
    });
  }
  return new SluiceError('access.denied', `${title} does not say that ${email} is yours.`, {
    advice: 'Add and verify the address there, or sign out to sign in as somebody else.',
  });
}
