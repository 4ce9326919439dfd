/** What `a[b][0][c]=1` says: objects and lists of texts, as the API's form encoding nests them. */
export type FormValue = string | FormObject;
export type FormObject = { [key: string]: FormValue };

const DEPTH = 8;

/** Reads a form body or a query. Lists come out as objects keyed by their index. */
export function parseForm(text: string): FormObject {
  const form: FormObject = Object.create(null) as FormObject;
  for (const [name, value] of new URLSearchParams(text)) {
    const keys = [...name.matchAll(/^[^[\]]+|\[([^[\]]*)\]/g)].map((match) => match[1] ?? match[0]);
    if (keys.length === 0 || keys.length > DEPTH) continue;
    let at = form;
    for (const [depth, raw] of keys.entries()) {
      const key = raw === '' ? String(Object.keys(at).length) : raw;
      if (depth === keys.length - 1) at[key] = value;
      else {
        const next = at[key];
        const inner = typeof next === 'object' ? next : (Object.create(null) as FormObject);
        at[key] = inner;
        at = inner;
      }
    }
  }
  return form;
}

/** The text at a path, or undefined. */
export function textAt(form: FormObject, ...path: string[]): string | undefined {
  let at: FormValue | undefined = form;
  for (const key of path) at = typeof at === 'object' ? at[key] : undefined;
  return typeof at === 'string' ? at : undefined;
}

/** The texts directly below a path: metadata. */
export function textsAt(form: FormObject, ...path: string[]): Record<string, string> {
  let at: FormValue | undefined = form;
  for (const key of path) at = typeof at === 'object' ? at[key] : undefined;
  if (typeof at !== 'object') return {};
  return Object.fromEntries(
    Object.entries(at).flatMap(([key, value]) => (typeof value === 'string' ? [[key, value]] : [])),
  );
}
