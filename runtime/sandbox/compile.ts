import { SourceMap } from 'node:module';
import { transformSync } from 'amaro';
import type { ScriptRequest } from '../engine/ports/sandbox.ts';

/** A place in the person's own text, counted from 1. */
export type Place = { line: number; column: number };
export type Compiled = { code: string; toOriginal(place: Place): Place };
export type Source = Pick<ScriptRequest, 'kind' | 'source' | 'path'> & { language: 'javascript' | 'typescript' };

/** What is thrown for code that cannot be compiled. */
export class SyntaxFailure extends Error {
  readonly advice: string | undefined;
  constructor(message: string, advice?: string) {
    super(message);
    this.advice = advice;
  }
}

const MOST_KEPT = 200;
const kept = new Map<string, Compiled>();

/**
 * JavaScript of a script, and the way back from its places to the person's. An inline body becomes one async function
 * expression whose first line is ours, so that its own lines begin at 2: the isolate is told so. What was compiled
 * before is remembered, by its text.
 *
 * Types are blanked out, which keeps every place; only code with enums, namespaces or parameter properties is really
 * transformed, and then a source map leads back.
 *
 * @throws SyntaxFailure with the place in its message
 */
export function compile(source: Source): Compiled {
  const key = `${source.language}\n${source.kind}\n${source.path}\n${source.source}`;
  const known = kept.get(key);
  if (known) return known;
  const made = compileAnew(source);
  if (kept.size >= MOST_KEPT) kept.clear();
  kept.set(key, made);
  return made;
}

function compileAnew({ language, kind, source, path }: Source): Compiled {
  const isBody = kind === 'body';
  // A body is compiled as an expression later; `;` must not end it, so the wrapper closes on a line of its own.
  const text = isBody ? `(async function () {\n${source}\n})` : source;
  const above = isBody ? 1 : 0;
  const same: Compiled['toOriginal'] = ({ line, column }) => ({ line: line - above, column });
  if (language === 'javascript') return { code: text, toOriginal: same };
  try {
    return { code: transformSync(text, { mode: 'strip-only', filename: path }).code, toOriginal: same };
  } catch (thrown) {
    if (!isSwcError(thrown)) throw thrown;
    if (thrown.code !== 'UnsupportedSyntax') throw syntaxFailure(thrown, path, above);
  }
  try {
    const { code, map } = transformSync(text, { mode: 'transform', filename: path, sourceMap: true });
    const sourceMap = map === undefined ? undefined : new SourceMap(JSON.parse(map));
    return {
      code: isBody ? code.replace(/;\s*$/, '') : code,
      toOriginal({ line, column }) {
        const entry = sourceMap?.findEntry(line - 1, column - 1);
        if (!entry || !('originalLine' in entry)) return same({ line, column });
        return same({ line: entry.originalLine + 1, column: entry.originalColumn + 1 });
      },
    };
  } catch (thrown) {
    if (!isSwcError(thrown)) throw thrown;
    throw syntaxFailure(thrown, path, above);
  }
}

/** The first place of a stack that lies in one of these files, or none. */
export function placeIn(stack: string, paths: string[]): (Place & { path: string }) | undefined {
  let first: (Place & { path: string }) | undefined;
  let least = Number.POSITIVE_INFINITY;
  for (const path of paths) {
    for (let at = stack.indexOf(`${path}:`); at >= 0 && at < least; at = stack.indexOf(`${path}:`, at + 1)) {
      const found = /^(\d{1,7}):(\d{1,7})/.exec(stack.slice(at + path.length + 1, at + path.length + 17));
      if (!found) continue;
      first = { path, line: Number(found[1]), column: Number(found[2]) };
      least = at;
      break;
    }
  }
  return first;
}

type SwcError = { code: string; message: string; startLine: number; startColumn: number };

function isSwcError(thrown: unknown): thrown is SwcError {
  return typeof thrown === 'object' && thrown !== null && 'startLine' in thrown && 'startColumn' in thrown;
}

function syntaxFailure(error: SwcError, path: string, above: number): SyntaxFailure {
  return new SyntaxFailure(`${error.message} (${path}:${error.startLine - above}:${error.startColumn + 1})`);
}
