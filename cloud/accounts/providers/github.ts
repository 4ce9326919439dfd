import * as oauth from 'oauth4webapi';
import { z } from 'zod';
import type { ProviderSettings } from '../../platform/config.ts';
import type { Provider } from './provider.ts';
import { challengeOf, plainEmail, plainName, requestOptions, requireOneOfEach } from './providerHttp.ts';

const GITHUB = 'https://github.com';

const GithubUser = z.object({
  id: z.int().positive(),
  login: z.string().min(1).max(100),
  name: z.string().nullish(),
});
const GithubEmails = z.array(z.object({ email: z.string(), verified: z.boolean(), primary: z.boolean() })).max(100);

/** GitHub, by OAuth 2: it has no ID token, so we ask its API who the access token is for. */
export function createGithub({ clientId, clientSecret, url }: ProviderSettings): Provider {
  const base = url.replace(/\/+$/, '');
  const api = base === GITHUB ? 'https://api.github.com' : `${base}/api/v3`;
  const server: oauth.AuthorizationServer = {
    issuer: base,
    authorization_endpoint: `${base}/login/oauth/authorize`,
    token_endpoint: `${base}/login/oauth/access_token`,
  };
  const client: oauth.Client = { client_id: clientId };
  const options = requestOptions(url);

  async function get(path: string, accessToken: string): Promise<unknown> {
    const headers = new Headers({ ...options.headers, accept: 'application/vnd.github+json' });
    const address = new URL(`${api}${path}`);
    const answer = await oauth.protectedResourceRequest(accessToken, 'GET', address, headers, null, options);
    if (answer.status !== 200) throw new Error(`GitHub answered ${answer.status} to ${path}.`);
    return answer.json();
  }

  return {
    name: 'github',
    title: 'GitHub',

    async authorizationUrl({ state, verifier }, redirectUri) {
      const address = new URL(`${base}/login/oauth/authorize`);
      const asked = {
        response_type: 'code',
        client_id: clientId,
        redirect_uri: redirectUri,
        scope: 'read:user user:email',
        state,
        code_challenge: challengeOf(verifier),
        code_challenge_method: 'S256',
      };
      for (const [name, value] of Object.entries(asked)) address.searchParams.set(name, value);
      return address;
    },

    async identify(answer, { state, verifier }, redirectUri) {
      requireOneOfEach(answer);
      const checked = oauth.validateAuthResponse(server, client, answer, state);
      const authentication = oauth.ClientSecretPost(clientSecret.reveal());
      const traded = await oauth.authorizationCodeGrantRequest(
        server,
        client,
        authentication,
        checked,
        redirectUri,
        verifier,
        options,
      );
      const { access_token: accessToken, token_type: type } = await oauth.processAuthorizationCodeResponse(
        server,
        client,
        traded,
      );
      if (type !== 'bearer') throw new Error('GitHub gave a token of another kind.');
      const user = GithubUser.parse(await get('/user', accessToken));
      const emails = GithubEmails.parse(await get('/user/emails', accessToken));
      const verified = emails.filter((entry) => entry.verified).sort((a, b) => Number(b.primary) - Number(a.primary));
      return {
        accountId: String(user.id),
        name: plainName(user.name, user.login),
        emails: verified.map(({ email }) => plainEmail(email)).filter((email) => email !== undefined),
      };
    },
  };
}
