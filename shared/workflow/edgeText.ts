import { edgeKey } from './tree.ts';

const END = /^([a-z][a-z0-9_]{0,63})(?:\.([a-z][a-zA-Z0-9_]{0,31}))?$/;

/**
 * The key of an edge as a file writes it: `a.true -> b`, where a missing port is `main`.
 *
 * @param stepOf finds the id of a step that was named by hand; without it only ids are understood
 * @returns undefined where it is not an edge
 */
export function parseEdgeText(
  text: string,
  stepOf: (name: string) => string | undefined = () => undefined,
): string | undefined {
  const ends = text.split('->');
  if (ends.length !== 2) return undefined;
  const source = parseEnd((ends[0] as string).trim(), stepOf);
  const target = parseEnd((ends[1] as string).trim(), stepOf);
  if (!source || !target) return undefined;
  return edgeKey({ from: source.step, outPort: source.port, to: target.step, inPort: target.port });
}

function parseEnd(
  text: string,
  stepOf: (name: string) => string | undefined,
): { step: string; port: string } | undefined {
  const byName = stepOf(text);
  if (byName !== undefined) return { step: byName, port: 'main' };
  const named = /^(.+)\.([a-z][a-zA-Z0-9_]{0,31})$/.exec(text);
  const step = named ? stepOf(named[1] as string) : undefined;
  if (named && step !== undefined) return { step, port: named[2] as string };
  const match = END.exec(text);
  return match ? { step: match[1] as string, port: match[2] ?? 'main' } : undefined;
}

/** An edge as it is written in a file: `.main` is left out. */
export function edgeText(key: string): string {
  const [from = '', to = ''] = key.split('->');
  return `${from.replace(/\.main$/, '')} -> ${to.replace(/\.main$/, '')}`;
}
