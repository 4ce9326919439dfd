import type { Settings } from './tree.ts';

/** The settings of a workflow that may be expressions, by where they stand. */
export const SETTING_EXPRESSIONS = [
  ['concurrencyKey'],
  ['rate', 'key'],
  ['throttle', 'key'],
  ['debounce', 'key'],
  ['priority'],
  ['singleton', 'key'],
  ['idempotency', 'key'],
] as const satisfies readonly (readonly string[])[];

/** Those that a workflow has, with their texts. */
export function settingExpressions(settings: Settings): { path: string[]; text: string }[] {
  return SETTING_EXPRESSIONS.flatMap(([field, inner]) => {
    const value = settings[field];
    const text = inner !== undefined && typeof value === 'object' ? value[inner] : value;
    return typeof text === 'string' ? [{ path: inner === undefined ? [field] : [field, inner], text }] : [];
  });
}
