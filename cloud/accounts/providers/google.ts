import * as oauth from 'oauth4webapi';
import { SluiceError } from '#shared/error.ts';
import type { ProviderSettings } from '../../platform/config.ts';
import type { Provider } from './provider.ts';
import { challengeOf, plainEmail, plainName, requestOptions, requireOneOfEach } from './providerHttp.ts';

const METADATA_MS = 3_600_000;

/** Google, by OpenID Connect: the identity is what its signed ID token says, for this client, this attempt and this moment. */
export function createGoogle({ clientId, clientSecret, url }: ProviderSettings): Provider {
  const issuer = new URL(url);
  // No algorithm but this one: what a token says of itself chooses nothing.
  const client: oauth.Client = { client_id: clientId, id_token_signed_response_alg: 'RS256' };
  const options = requestOptions(url);
  let known: { at: number; server: oauth.AuthorizationServer } | undefined;

  async function metadata(): Promise<oauth.AuthorizationServer> {
    if (known && Date.now() - known.at < METADATA_MS) return known.server;
    try {
      const answer = await oauth.discoveryRequest(issuer, options);
      known = { at: Date.now(), server: await oauth.processDiscoveryResponse(issuer, answer) };
      return known.server;
    } catch (cause) {
      throw new SluiceError('service.unavailable', 'Google does not answer as it should.', {
        advice: 'Sign in another way, or try again in a few minutes.',
        cause,
      });
    }
  }

  return {
    name: 'google',
    title: 'Google',

    async authorizationUrl({ state, nonce, verifier }, redirectUri) {
      const { authorization_endpoint: endpoint } = await metadata();
      if (endpoint === undefined) throw new Error('Google names no authorization endpoint.');
      const address = new URL(endpoint);
      const asked = {
        response_type: 'code',
        client_id: clientId,
        redirect_uri: redirectUri,
        scope: 'openid email profile',
        state,
        nonce,
        code_challenge: challengeOf(verifier),
        code_challenge_method: 'S256',
        prompt: 'select_account',
      };
      for (const [name, value] of Object.entries(asked)) address.searchParams.set(name, value);
      return address;
    },

    async identify(answer, { state, nonce, verifier }, redirectUri) {
      requireOneOfEach(answer);
      const server = await metadata();
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
      const tokens = await oauth.processAuthorizationCodeResponse(server, client, traded, {
        expectedNonce: nonce,
        requireIdToken: true,
      });
      await oauth.validateApplicationLevelSignature(server, traded, options);
      const claims = oauth.getValidatedIdTokenClaims(tokens);
      if (!claims?.sub) throw new Error('The ID token names nobody.');
      if (claims.azp !== undefined && claims.azp !== clientId) throw new Error('The ID token is for another program.');
      const email = plainEmail(claims.email);
      return {
        accountId: claims.sub,
        name: plainName(claims.name, email?.split('@')[0]),
        emails: email !== undefined && claims.email_verified === true ? [email] : [],
      };
    },
  };
}
