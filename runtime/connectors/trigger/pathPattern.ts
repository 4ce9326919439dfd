/** A path with parts `:name`, such as `items/:id`, without the slash before it. */
export type PathPattern = {
  text: string;
  names: string[];
  /** What the parts stand for in a path as it was called; undefined where it is another one. */
  match(path: string): Record<string, string> | undefined;
};

const PART = /:([A-Za-z][A-Za-z0-9_]*)/g;

/** Parts of letters, digits, `.`, `_` and `-`, or `:name`; what a config may say. */
export const PATH_GRAMMAR =
  /^\/?(?:[A-Za-z0-9_-][A-Za-z0-9._-]*|:[A-Za-z][A-Za-z0-9_]*)(?:\/(?:[A-Za-z0-9_-][A-Za-z0-9._-]*|:[A-Za-z][A-Za-z0-9_]*))*$/;

export function pathPattern(given: string): PathPattern {
  const text = given.replace(/^\//, '');
  const names = [...text.matchAll(PART)].map((match) => match[1] ?? '');
  const pattern = new RegExp(`^${text.replaceAll('.', '\\.').replace(PART, '([^/]+)')}$`);
  return {
    text,
    names,
    match(path) {
      const found = pattern.exec(path);
      if (!found) return undefined;
      try {
        return Object.fromEntries(names.map((name, index) => [name, decodeURIComponent(found[index + 1] ?? '')]));
      } catch {
        // Not a text that was encoded: no address of ours.
        return undefined;
      }
    },
  };
}

/** The same for patterns that match the same paths: `items/:id` and `items/:key`. */
export function shapeOf({ text }: PathPattern): string {
  return text.replace(PART, ':');
}

/** Sorts what is written out before what stands for anything: `items/new` before `items/:id`. */
export function byPrecision(one: PathPattern, other: PathPattern): number {
  const parts = one.text.split('/');
  const others = other.text.split('/');
  for (const [index, part] of parts.entries()) {
    const order = Number(part.startsWith(':')) - Number(others[index]?.startsWith(':') ?? false);
    if (order !== 0) return order;
  }
  return 0;
}
