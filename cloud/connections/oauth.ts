import { createHash } from 'node:crypto';
import * as client from 'oauth4webapi';
import { SluiceError } from '#shared/error.ts';
import type { JsonObject } from '#shared/json.ts';

/** How a connection signs in by OAuth 2: a person in the browser once, or the program by itself. */
export type OAuthSettings = {
  grant: 'authorization_code' | 'client_credentials';
  authorizeUrl?: string;
  tokenUrl: string;
  clientId: string;
  clientSecret?: string;
  scope?: string;
};

/** What a service gave. `until`: milliseconds since 1970, absent where it did not say. */
export type OAuthTokens = { accessToken: string; refreshToken?: string; until?: number };

const TIMEOUT_MS = 10_000;

/**
 * The settings of a connection's secret; undefined where it signs in another way.
 *
 * @throws SluiceError config.invalid, naming the field and never its value
 */
export function oauthOf(secret: JsonObject): OAuthSettings | undefined {
  if (secret.kind !== 'oauth2') return undefined;
  const text = (key: string) => (typeof secret[key] === 'string' && secret[key] !== '' ? secret[key] : undefined);
  const [authorizeUrl, tokenUrl, clientId] = [text('authorizeUrl'), text('tokenUrl'), text('clientId')];
  const grant = secret.grant === 'client_credentials' ? 'client_credentials' : 'authorization_code';
  if (clientId === undefined) throw lacks('the client id');
  if (!isWebAddress(tokenUrl)) throw lacks('the token address, beginning with https://');
  if (grant === 'authorization_code' && !isWebAddress(authorizeUrl)) {
    throw lacks('the address where people sign in, beginning with https://');
  }
  return { grant, authorizeUrl, tokenUrl, clientId, clientSecret: text('clientSecret'), scope: text('scope') };
}

/** Without TLS only to this computer, which nobody can listen to. */
function isWebAddress(text: string | undefined): text is string {
  if (text === undefined || !URL.canParse(text)) return false;
  const { protocol, hostname, username, password, hash } = new URL(text);
  const plain = username === '' && password === '' && hash === '';
  return plain && (protocol === 'https:' || (protocol === 'http:' && hostname === '127.0.0.1'));
}

function lacks(what: string): SluiceError {
  return new SluiceError('config.invalid', `The connection lacks ${what}.`, {
    advice: 'The documentation of the service says it, where it tells of OAuth.',
  });
}

export type OAuth = ReturnType<typeof createOAuth>;

/** @param fetchIt the way out: the client's secret goes to the token address over it and nowhere else */
export function createOAuth(fetchIt: typeof fetch) {
  /** Who the person is does not matter here, so nothing of an ID token is looked at. */
  const withoutIdentity = async (url: string, options: RequestInit): Promise<Response> => {
    const answer = await fetchIt(url, options);
    if (!/json/.test(answer.headers.get('content-type') ?? '')) return answer;
    const body: unknown = await answer.json().catch(() => undefined);
    const { id_token: _, ...rest } = (typeof body === 'object' && body !== null ? body : {}) as Record<string, unknown>;
    const headers = { 'content-type': 'application/json' };
    return new Response(JSON.stringify(rest), { status: answer.status, headers });
  };

  function partsOf({ tokenUrl, clientId, clientSecret }: OAuthSettings) {
    const server: client.AuthorizationServer = { issuer: new URL(tokenUrl).origin, token_endpoint: tokenUrl };
    const authentication = clientSecret === undefined ? client.None() : client.ClientSecretPost(clientSecret);
    const options = {
      [client.customFetch]: (url: string, given: unknown) => withoutIdentity(url, given as RequestInit),
      [client.allowInsecureRequests]: tokenUrl.startsWith('http://127.0.0.1'),
      signal: () => AbortSignal.timeout(TIMEOUT_MS),
    };
    return { server, program: { client_id: clientId }, authentication, options };
  }

  return {
    /** Where a person signs in and allows it. */
    authorizationUrl(settings: OAuthSettings, asked: { state: string; verifier: string; redirectUri: string }): string {
      const url = new URL(settings.authorizeUrl ?? '');
      const parameters = {
        response_type: 'code',
        client_id: settings.clientId,
        redirect_uri: asked.redirectUri,
        state: asked.state,
        code_challenge: createHash('sha256').update(asked.verifier).digest('base64url'),
        code_challenge_method: 'S256',
        ...(settings.scope === undefined ? {} : { scope: settings.scope }),
      };
      for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
      return url.href;
    },

    /** Trades what the browser came back with. @throws whatever is wrong with any of it */
    async trade(
      settings: OAuthSettings,
      answer: URLSearchParams,
      asked: { state: string; verifier: string; redirectUri: string },
    ): Promise<OAuthTokens> {
      const { server, program, authentication, options } = partsOf(settings);
      // Whose answer it is, its state says; the name of the server is nothing that we were told.
      answer.delete('iss');
      const checked = client.validateAuthResponse(server, program, answer, asked.state);
      const { redirectUri, verifier } = asked;
      const traded = await client.authorizationCodeGrantRequest(
        ...([server, program, authentication, checked, redirectUri, verifier, options] as const),
      );
      return tokensOf(await client.processAuthorizationCodeResponse(server, program, traded));
    },

    /**
     * Another access token.
     *
     * @returns undefined where only a person can get one
     * @throws SluiceError connector.rejected where the service refuses for good, connector.unavailable else
     */
    async renew(settings: OAuthSettings, before: OAuthTokens | undefined): Promise<OAuthTokens | undefined> {
      const { server, program, authentication, options } = partsOf(settings);
      try {
        if (settings.grant === 'client_credentials') {
          const asked: Record<string, string> = settings.scope === undefined ? {} : { scope: settings.scope };
          const answer = await client.clientCredentialsGrantRequest(server, program, authentication, asked, options);
          return tokensOf(await client.processClientCredentialsResponse(server, program, answer));
        }
        const refreshToken = before?.refreshToken;
        if (refreshToken === undefined) return undefined;
        const answer = await client.refreshTokenGrantRequest(server, program, authentication, refreshToken, options);
        // A service that gives no other refresh token means the one before.
        return { refreshToken, ...tokensOf(await client.processRefreshTokenResponse(server, program, answer)) };
      } catch (thrown) {
        throw failureOf(thrown, new URL(settings.tokenUrl).host);
      }
    },
  };
}

function tokensOf({ access_token, refresh_token, expires_in }: client.TokenEndpointResponse): OAuthTokens {
  return {
    accessToken: access_token,
    ...(refresh_token === undefined ? {} : { refreshToken: refresh_token }),
    ...(expires_in === undefined ? {} : { until: Date.now() + expires_in * 1_000 }),
  };
}

/** What a service answered, never what it was told. */
export function failureOf(thrown: unknown, host: string): SluiceError {
  if (thrown instanceof SluiceError) return thrown;
  if (thrown instanceof client.ResponseBodyError && thrown.status < 500) {
    return new SluiceError('connector.rejected', `${host} gave no token: ${thrown.error.slice(0, 60)}.`, {
      advice: 'Look at the client id and secret of the connection, then connect it again.',
      cause: thrown,
    });
  }
  return new SluiceError('connector.unavailable', `${host} gave no token now.`, {
    advice: 'Look whether the token address of the connection is right and the service is up.',
    cause: thrown,
  });
}
