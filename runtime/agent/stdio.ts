import type { Readable, Writable } from 'node:stream';
import { z } from 'zod';
import { type AgentApi, agentApi } from '#shared/contract/agentApi.ts';
import { createClient, createDispatcher, type GroupClient, type Service } from '#shared/contract/contract.ts';
import { SluiceError } from '#shared/error.ts';

const Question = z.strictObject({ id: z.int(), name: z.string(), input: z.unknown() });
const Reply = z.strictObject({
  id: z.int(),
  output: z.unknown().optional(),
  error: z.looseObject({ code: z.string(), message: z.string() }).optional(),
});

type NextAnswer = z.output<AgentApi['agent']['next']['output']>;

/** The control plane's end of the agent contract, for a runtime that is our child: one JSON document a line. */
export function serveAgentOverStdio(
  child: { stdin: Writable; stdout: Readable },
  service: Service<AgentApi['agent']>,
): { closed: Promise<void> } {
  const dispatch = createDispatcher<AgentApi, void>(agentApi, { agent: service });
  let gone = false;
  child.stdin.on('error', () => undefined);

  async function answer(line: string): Promise<void> {
    const question = Question.safeParse(readJson(line));
    if (!question.success) return;
    const { id, name, input } = question.data;
    const reply = await dispatch(name, input).then(
      (output) => ({ id, output }),
      (thrown: unknown) => ({ id, error: SluiceError.from(thrown).toWire() }),
    );
    if (!gone && child.stdin.writable) child.stdin.write(`${JSON.stringify(reply)}\n`);
    else if (name === 'agent.next' && 'output' in reply) await takeBack(reply.output as NextAnswer);
  }

  /** Runs that were handed to a runtime which died while it waited for them. */
  async function takeBack({ runs }: NextAnswer): Promise<void> {
    for (const { runId, fence } of runs) {
      const report = { runId, fence, events: [], done: true };
      await dispatch('agent.report', report).catch(() => undefined);
    }
  }

  const closed = readLines(child.stdout, (line) => void answer(line)).then(() => {
    gone = true;
  });
  return { closed };
}

/** The runtime's end: a client whose calls leave by `output` and whose answers come by `input`. */
export function connectOverStdio(
  input: Readable,
  output: Writable,
): { client: GroupClient<AgentApi['agent']>; closed: Promise<void> } {
  const open = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  let count = 0;
  let gone = false;
  const closed = readLines(input, (line) => {
    const reply = Reply.safeParse(readJson(line));
    if (!reply.success) return;
    const waiting = open.get(reply.data.id);
    open.delete(reply.data.id);
    if (reply.data.error) waiting?.reject(SluiceError.fromWire(reply.data.error as { code: string; message: string }));
    else waiting?.resolve(reply.data.output);
  }).then(() => {
    gone = true;
    for (const waiting of open.values()) waiting.reject(new SluiceError('service.unavailable', 'The host has gone.'));
    open.clear();
  });

  const { agent } = createClient(agentApi, (name, question) => {
    if (gone) return Promise.reject(new SluiceError('service.unavailable', 'The host has gone.'));
    return new Promise((resolve, reject) => {
      const id = ++count;
      open.set(id, { resolve, reject });
      output.write(`${JSON.stringify({ id, name, input: question })}\n`);
    });
  });
  return { client: agent, closed };
}

/**
 * Calls back for each line, and resolves when there are no more. Lines end with a line feed and nothing else: JSON holds
 * U+2028 and U+2029 as they are, which Node's own reader of lines takes for ends.
 */
function readLines(input: Readable, onLine: (line: string) => void): Promise<void> {
  let parts: Buffer[] = [];
  input.on('data', (chunk: Buffer) => {
    let rest = chunk;
    for (let end = rest.indexOf(10); end >= 0; end = rest.indexOf(10)) {
      parts.push(rest.subarray(0, end));
      const line = Buffer.concat(parts).toString('utf8');
      parts = [];
      rest = rest.subarray(end + 1);
      onLine(line);
    }
    if (rest.length > 0) parts.push(rest);
  });
  return new Promise((resolve) => {
    input.once('error', () => resolve());
    input.once('close', () => resolve());
    input.once('end', () => resolve());
  });
}

function readJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
