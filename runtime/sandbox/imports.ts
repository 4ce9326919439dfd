import { posix } from 'node:path';

/** What names a packed module among the files that are sent with a script. */
export const PACKAGE_PREFIX = 'package:';
/** What names a wheel among them; its text is base64. */
export const WHEEL_PREFIX = 'wheel:';

/** The text of a project's script by its path (`scripts/lib.ts`), or undefined where there is none. */
export type ReadScript = (path: string) => string | undefined;

/**
 * The script that `from` means when it imports `specifier`: a path that begins with `./` or `../` and stays below
 * `scripts/`. The ending may be left out, and `.js` may mean the `.ts` that it would become.
 */
export function resolveImport(specifier: string, from: string, has: (path: string) => boolean): string | undefined {
  if (!/^\.\.?\//.test(specifier)) return undefined;
  const path = posix.join(posix.dirname(from), specifier);
  if (!path.startsWith('scripts/')) return undefined;
  const candidates = /\.(?:ts|js)$/.test(path)
    ? [path, path.replace(/\.js$/, '.ts')]
    : [`${path}.ts`, `${path}.js`, `${path}/index.ts`, `${path}/index.js`];
  return candidates.find(has);
}

const IMPORT = /\b(?:from|import)\s*(['"])(\.{1,2}\/[^'"\n]{1,300})\1/g;

/**
 * The other scripts that a script may import, by path, whatever their number of steps away. Found by their looks, so it
 * may hold one that only a comment names; what is really imported is for the isolate to say.
 */
export function scriptImports(path: string, source: string, read: ReadScript): Record<string, string> {
  const language = path.endsWith('.py') ? pythonImports : codeImports;
  const found: Record<string, string> = {};
  const todo: [string, string][] = [[path, source]];
  for (let next = todo.pop(); next; next = todo.pop()) {
    for (const other of language(next[0], next[1], path, (one) => read(one) !== undefined)) {
      if (other === path || Object.hasOwn(found, other)) continue;
      const text = read(other) as string;
      found[other] = text;
      todo.push([other, text]);
    }
  }
  return found;
}

function codeImports(path: string, source: string, _main: string, has: (path: string) => boolean): string[] {
  const paths = Array.from(source.matchAll(IMPORT), ([, , specifier = '']) => resolveImport(specifier, path, has));
  return paths.filter((one) => one !== undefined);
}

const PYTHON_IMPORT = /^[ \t]*import[ \t]+([^#\n;]+)/gm;
const PYTHON_FROM = /^[ \t]*from[ \t]+(\.*)([\w.]*)[ \t]+import[ \t]+(\([^)]*\)|[^#\n;]+)/gm;

function pythonImports(path: string, source: string, main: string, has: (path: string) => boolean): string[] {
  const found = new Set<string>();
  const add = (folder: string, dotted: string): void => {
    const names = dotted.split('.').filter((name) => /^\w+$/.test(name));
    for (let count = 1; count <= names.length; count++) {
      const base = posix.join(folder, ...names.slice(0, count));
      for (const one of [`${base}.py`, `${base}/__init__.py`])
        if (one.startsWith('scripts/') && has(one)) found.add(one);
    }
  };
  // Beside the script that the step runs first, as Python does, then from the top of scripts/.
  const roots = [posix.dirname(main), 'scripts'];
  for (const [, list = ''] of source.matchAll(PYTHON_IMPORT)) {
    for (const name of list.split(',')) for (const root of roots) add(root, (name.trim().split(/\s/)[0] ?? '').trim());
  }
  for (const [, dots = '', name = '', list = ''] of source.matchAll(PYTHON_FROM)) {
    const names = list.replace(/[()]/g, '').split(',');
    const up = dots === '' ? roots : [posix.join(posix.dirname(path), '../'.repeat(dots.length - 1))];
    for (const root of up) {
      if (dots !== '' && name === '') add(root, '__init__');
      add(root, name);
      for (const one of names) add(root, [name, one.trim().split(/\s/)[0] ?? ''].filter(Boolean).join('.'));
    }
  }
  return [...found];
}

const NAME = /^(?:@[a-z0-9~-][a-z0-9._~-]*\/)?[a-z0-9~-][a-z0-9._~-]*$/;

/** The package that an import comes from (`@scope/name` of `@scope/name/part`), or undefined where it is no package's. */
export function packageName(specifier: string): string | undefined {
  const parts = specifier.split('/');
  const name = parts.slice(0, specifier.startsWith('@') ? 2 : 1).join('/');
  return NAME.test(name) && !/[\\?#]|\/\.{0,2}(?:\/|$)/.test(specifier) ? name : undefined;
}

/** The scripts of a person among the files that are sent; packages and wheels are not theirs. */
export function ownFiles(files: Record<string, string> = {}): string[] {
  return Object.keys(files).flatMap((path) =>
    path.startsWith(PACKAGE_PREFIX) || path.startsWith(WHEEL_PREFIX) ? [] : [files[path] as string],
  );
}
