import { z } from 'zod';
import { type AgentApi, agentApi } from '#shared/contract/agentApi.ts';
import { createClient, findCall, type GroupClient } from '#shared/contract/contract.ts';
import { SluiceError } from '#shared/error.ts';

const Problem = z.looseObject({ code: z.string(), title: z.string(), detail: z.string().optional() });

/**
 * The agent contract over HTTP: JSON posted to `/agent/v1/…` with the container's short token. What was refused or never
 * answered is `cloud.unreachable`, and may be said again.
 */
export function connectOverHttp(baseUrl: string): {
  client: GroupClient<AgentApi['agent']>;
  useToken(token: string): void;
} {
  let token: string | undefined;
  const { agent } = createClient(agentApi, async (name, input) => {
    const route = findCall(agentApi, name).route ?? '';
    const [method = 'POST', path = ''] = route.split(' ');
    const filled = path.replace(/:(\w+)/g, (_all, key: string) =>
      encodeURIComponent(String((input as Record<string, unknown>)[key])),
    );
    const reply = await fetch(new URL(filled, baseUrl), {
      method,
      headers: {
        ...(method === 'GET' ? {} : { 'content-type': 'application/json' }),
        ...(token ? { authorization: `Bearer ${token}` } : {}),
      },
      ...(method === 'GET' ? {} : { body: JSON.stringify(input) }),
      signal: AbortSignal.timeout(40_000),
    }).catch((cause: unknown) => {
      throw new SluiceError('cloud.unreachable', 'The control plane cannot be reached.', { cause });
    });
    if (reply.ok) return reply.json();
    const problem = Problem.safeParse(await reply.json().catch(() => undefined));
    if (!problem.success || reply.status >= 502) {
      throw new SluiceError('cloud.unreachable', `The control plane answered ${reply.status}.`);
    }
    const { code, title, detail, details } = problem.data as z.infer<typeof Problem> & { details?: never };
    throw SluiceError.fromWire({ code, message: title, detail, details });
  });
  return {
    client: agent,
    useToken(value) {
      token = value;
    },
  };
}
