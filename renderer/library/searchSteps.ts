import type { StepCatalog, StepTypeInfo } from '#shared/workflow/catalog.ts';

export type StepGroup = { title: string; entries: StepTypeInfo[] };

const GROUPS: Record<string, string> = {
  trigger: 'Triggers',
  flow: 'Flow',
  items: 'Items',
  code: 'Code',
  network: 'Network',
  storage: 'Storage',
};

/** How well a step type fits what was typed; higher is better, 0 does not fit. */
export function matchScore(info: StepTypeInfo, typed: string): number {
  const wanted = typed.trim().toLowerCase();
  if (wanted === '') return 1;
  const title = info.title.toLowerCase();
  if (title.startsWith(wanted)) return 5;
  if (title.split(/\s+/).some((word) => word.startsWith(wanted))) return 4;
  if (info.type.toLowerCase().includes(wanted)) return 3;
  if (title.includes(wanted)) return 2;
  const rest = `${info.description ?? ''} ${info.category ?? ''}`.toLowerCase();
  return wanted.split(/\s+/).every((word) => rest.includes(word) || title.includes(word)) ? 1 : 0;
}

/** Step types that fit, in groups; with text typed, the best first and the groups in the order of their best. */
export function searchSteps(
  catalog: StepCatalog,
  typed: string,
  { triggers }: { triggers: boolean | undefined },
): StepGroup[] {
  const found = Object.values(catalog)
    .filter((info) => triggers === undefined || info.trigger === triggers)
    .map((info) => ({ info, score: matchScore(info, typed) }))
    .filter(({ score }) => score > 0)
    .sort((a, b) => b.score - a.score || a.info.title.localeCompare(b.info.title));
  const groups = new Map<string, StepTypeInfo[]>();
  if (typed.trim() === '') for (const title of Object.values(GROUPS)) groups.set(title, []);
  for (const { info } of found) {
    const title = info.trigger ? 'Triggers' : (GROUPS[info.category ?? ''] ?? 'More');
    groups.set(title, [...(groups.get(title) ?? []), info]);
  }
  return [...groups].map(([title, entries]) => ({ title, entries })).filter(({ entries }) => entries.length > 0);
}
