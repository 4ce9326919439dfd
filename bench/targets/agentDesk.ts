import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import type { LocalControl } from '#runtime/agent/localControl.ts';
import { type AgentApi, agentApi } from '#shared/contract/agentApi.ts';
import type { Service } from '#shared/contract/contract.ts';
import { SluiceError } from '#shared/error.ts';

/** What agents of a bench ask: one project's work, for whoever knows the way. Blobs are not needed. */
const CALLS = ['hello', 'next', 'report'] as const;

/**
 * The local control plane of one computer, answering agents over HTTP as the hosted one does.
 *
 * @returns `use` says whose work the next agent gets: an agent that was killed may still be waiting for the last one's
 */
export async function openAgentDesk(projectId: string, host: string) {
  let service: Service<AgentApi['agent']> | undefined;
  const server = createServer(async (request, response) => {
    try {
      const call = CALLS.find((name) => agentApi.agent[name].route === `${request.method} ${request.url}`);
      if (!call || !service)
        throw new SluiceError('request.invalid', `Agents of this bench do not ask ${request.url}.`);
      const input = agentApi.agent[call].input.parse(await json(request));
      const output = await (service[call] as (given: typeof input) => unknown)(input);
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(output));
    } catch (thrown) {
      const error = SluiceError.from(thrown);
      const { code, message } = error.toWire();
      response.writeHead(error.status, { 'content-type': 'application/problem+json' });
      response.end(JSON.stringify({ code, title: message, ...error.details }));
    }
  });
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  return {
    use(control: LocalControl) {
      service = control.agent(projectId);
    },
    url: `http://${host}:${(server.address() as AddressInfo).port}`,
    async close() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
