import { type CloudClient, createCloudClient } from '../../electron/account/cloudClient.ts';

export type * from '#shared/contract/cloud/common.ts';
export type { CloudApi } from '#shared/contract/cloudApi.ts';
export { cloudApi } from '#shared/contract/cloudApi.ts';
export { type ErrorCode, SluiceError } from '#shared/error.ts';
export type { CloudClient };

export type SluiceOptions = {
  /** Of the control plane, such as `https://sluice.example.com`. */
  url: string;
  /** Of a workspace, which the key carries in it. */
  apiKey?: string;
  /** Of a person, in place of a key; good for 15 minutes. Renewing it is the caller's. */
  accessToken?: string;
  /** Which workspace the calls are for; needed with an access token for calls about one. */
  workspaceId?: string;
  /** Named to the server, which shows it in logs and on the devices page. */
  userAgent?: string;
  timeoutMs?: number;
  /** Waits and asks again where the control plane wants to be asked less often. */
  patient?: boolean;
};

/**
 * The control plane's calls, as `client.runs.list({ … })`: what desktop and command line use, with a key or token of one's own.
 *
 * @throws SluiceError from each call: what the control plane refused by its `code`, no answer at all as `cloud.unreachable`
 */
export function createSluiceClient(options: SluiceOptions): CloudClient {
  const { url, apiKey, accessToken, workspaceId, userAgent = 'sluice-client', timeoutMs, patient } = options;
  const token = apiKey ?? accessToken;
  const session = token === undefined ? undefined : { access: async () => token, renew: async () => token };
  return createCloudClient({ cloudUrl: url, userAgent, session, workspaceId, timeoutMs, patient });
}
