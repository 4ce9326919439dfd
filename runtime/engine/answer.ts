import type { Answer, RunEvent } from '#shared/run/events.ts';
import { failpoint } from '../failpoint.ts';
import type { RunDeps } from './executeRun.ts';
import type { Meetings } from './meetings.ts';
import { roughBytes, withSize } from './payload.ts';

/**
 * Answers the run's caller, who gets it once it is kept: the first one counts. With `first` it is kept before the step goes
 * on, so that the caller does not wait for the steps behind it; without, it is kept along with what follows at once. A body
 * that is large becomes a blob of its bytes, with its type among the headers.
 */
export function createAnswer(
  events: readonly RunEvent[],
  { journal, limits, ports, meetings }: RunDeps & { meetings: Meetings },
) {
  let answered = events.some((event) => event.type === 'run.answered');

  async function carried({ body, ...rest }: Answer): Promise<Answer> {
    if (body === undefined) return rest;
    const size = roughBytes(body, limits.inlineBytes);
    if (size <= limits.inlineBytes) return withSize({ ...rest, body }, size);
    const isText = typeof body === 'string';
    const type = isText ? 'text/plain; charset=utf-8' : 'application/json; charset=utf-8';
    const hasType = Object.keys(rest.headers ?? {}).some((name) => name.toLowerCase() === 'content-type');
    const blob = await ports.blobs.put(new TextEncoder().encode(isText ? body : JSON.stringify(body)));
    return { ...rest, headers: { ...rest.headers, ...(hasType ? {} : { 'content-type': type }) }, blob };
  }

  return async (stepId: string, answer: Answer, first: boolean): Promise<void> => {
    if (answered) return;
    answered = true;
    const sent = await carried(answer).catch((thrown: unknown) => {
      answered = false;
      throw thrown;
    });
    failpoint('answer.before');
    journal.append({ type: 'run.answered', stepId, ...sent, ...meetings.say() });
    if (first) await journal.durable();
    failpoint('answer.after');
  };
}
