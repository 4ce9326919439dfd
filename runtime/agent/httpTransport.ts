import { z } from 'zod';
import { type AgentApi, agentApi } from '#shared/contract/agentApi.ts';
import { createClient, findCall, type GroupClient } from '#shared/contract/contract.ts';
import { SluiceError } from '#shared/error.ts';
import { JsonObject } from '#shared/json.ts';

const Problem = z.object({
  code: z.string(),
  title: z.string(),
  detail: z.string().optional(),
  details: JsonObject.optional(),
});
/** Longer than the control plane lets `next` wait. */
const ANSWER_MS = 40_000;

/**
 * The agent contract over HTTP: JSON posted to `/agent/v1/…` with the container's short token. What was refused or never
 * answered is `cloud.unreachable`, and may be said again.
 */
export function connectOverHttp(baseUrl: string): {
  client: GroupClient<AgentApi['agent']>;
  useToken(token: string): void;
} {
  let token: string | undefined;

  async function send(
    method: string,
    path: string,
    body?: { type: string; content: string | Uint8Array<ArrayBuffer> },
  ): Promise<Response> {
    const reply = await fetch(new URL(path, baseUrl), {
      method,
      headers: {
        ...(body ? { 'content-type': body.type } : {}),
        ...(token ? { authorization: `Bearer ${token}` } : {}),
      },
      ...(body ? { body: body.content } : {}),
      signal: AbortSignal.timeout(ANSWER_MS),
    }).catch((cause: unknown) => {
      throw new SluiceError('cloud.unreachable', 'The control plane cannot be reached.', { cause });
    });
    if (reply.ok) return reply;
    const problem = Problem.safeParse(await reply.json().catch(() => undefined));
    if (!problem.success || reply.status >= 502) {
      throw new SluiceError('cloud.unreachable', `The control plane answered ${reply.status}.`);
    }
    const { code, title, detail, details } = problem.data;
    throw SluiceError.fromWire({ code, message: title, detail, details });
  }

  const { agent } = createClient(agentApi, async (name, input) => {
    const [method = 'POST', path = ''] = (findCall(agentApi, name).route ?? '').split(' ');
    const reply = await send(method, path, { type: 'application/json', content: JSON.stringify(input) });
    return reply.json().catch(cutOff);
  });
  const client: GroupClient<AgentApi['agent']> = {
    ...agent,
    // Blobs travel as bytes: a third less, and no text in between.
    async putBlob({ hash, base64 }) {
      const content = Uint8Array.from(Buffer.from(base64, 'base64'));
      await send('PUT', `/agent/v1/blobs/${hash}`, { type: 'application/octet-stream', content });
      return { bytes: content.length };
    },
    async getBlob({ hash }) {
      const reply = await send('GET', `/agent/v1/blobs/${hash}`);
      return { base64: Buffer.from(await reply.arrayBuffer().catch(cutOff)).toString('base64') };
    },
  };
  return {
    client,
    useToken(value) {
      token = value;
    },
  };
}

function cutOff(cause: unknown): never {
  throw new SluiceError('cloud.unreachable', 'The answer of the control plane was cut off.', { cause });
}
