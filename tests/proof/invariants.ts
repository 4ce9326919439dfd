import canonicalize from 'canonicalize';
import type { RunEvent } from '#shared/run/events.ts';
import type { Simulated } from './simulate.ts';
import type { Arrival } from './world.ts';

/** Everything that is wrong with a run that was interrupted, held against one in a world without faults. */
export function violations(run: Simulated, calm: Simulated): string[] {
  return [
    ...journalFaults(run.events),
    ...doubledEffects(run.arrivals, calm.arrivals),
    ...(run.outcome === 'succeeded' ? outputFaults(run, calm) : []),
    ...(run.late > 0 ? [`${run.late} requests after the end of the run`] : []),
  ];
}

/** Gapless, one beginning, one end, and nothing that was recorded is done again. */
export function journalFaults(events: readonly RunEvent[]): string[] {
  const found: string[] = [];
  events.forEach((event, index) => {
    if (event.seq !== index + 1) found.push(`event ${index + 1} has the number ${event.seq}`);
  });
  if (events.filter(({ type }) => type === 'run.started').length !== 1) found.push('the run does not begin once');
  const ends = events.filter(({ type }) => type === 'run.ended');
  if (ends.length !== 1 || events.at(-1) !== ends[0]) found.push('the run does not end once, last of all');
  const ended = new Set<string>();
  for (const event of events) {
    if (event.type !== 'step.attempted' && event.type !== 'step.succeeded' && event.type !== 'effect.recorded')
      continue;
    const place = `${event.path?.join('/') ?? ''}|${event.stepId}:${event.iteration}`;
    if (ended.has(place)) found.push(`${event.type} of ${place} after its end`);
    if (event.type === 'step.succeeded') ended.add(place);
  }
  return found;
}

/** What arrived at the receiver once under each key, or without one, against what arrives where nothing fails. */
export function doubledEffects(arrivals: readonly Arrival[], calm: readonly Arrival[]): string[] {
  const counted = (list: readonly Arrival[]) => {
    const seen = new Set<string>();
    const counts = new Map<string, number>();
    for (const { key, url, body } of list) {
      // A question may be asked as often as one likes.
      if (key === undefined && body === 'null') continue;
      if (key !== undefined && seen.has(key)) continue;
      if (key !== undefined) seen.add(key);
      const effect = `${url} ${body}`;
      counts.set(effect, (counts.get(effect) ?? 0) + 1);
    }
    return counts;
  };
  const wanted = counted(calm);
  return [...counted(arrivals)].flatMap(([effect, count]) =>
    count > (wanted.get(effect) ?? 0) ? [`${effect} happened ${count} times, not ${wanted.get(effect) ?? 0}`] : [],
  );
}

/**
 * The same items leave, but for ids and times; branches that overtook each other may have changed their order, and with it
 * which of two rows under one key was the first: as many of them were inserted.
 */
function outputFaults(run: Simulated, calm: Simulated): string[] {
  const [got, wanted] = [run, calm].map(outputOf);
  return got === wanted ? [] : [`it gave ${got?.slice(0, 500)}, not ${wanted?.slice(0, 500)}`];
}

function outputOf({ events }: Simulated): string {
  const ended = events.findLast((event) => event.type === 'run.ended');
  const lists = Object.entries(ended?.output ?? {}).map(([stepId, payload]) => {
    if (!('items' in payload)) return [stepId, 'a blob'];
    const items = payload.items.map(({ json }) =>
      canonicalize(Object.fromEntries(Object.entries(json).filter(([name]) => !/^(at|f\d+|inserted)$/.test(name)))),
    );
    return [stepId, items.sort(), payload.items.filter(({ json }) => json.inserted === true).length];
  });
  return JSON.stringify(lists.sort());
}
