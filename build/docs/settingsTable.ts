import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { z } from 'zod';
import { Environment } from '../../cloud/platform/config.ts';
import { root } from '../paths.ts';

/** The variables of the control plane as a table: names and defaults from the schema that reads them, words from its comments. */
export function settingsTable(): string {
  const source = readFileSync(join(root, 'cloud/platform/config.ts'), 'utf8');
  const rows = Object.entries<z.ZodType>(Environment.shape).map(([name, schema]) => {
    const says = new RegExp(`/\\*\\* ([^\\n]*) \\*/\\n  ${name}: `).exec(source)?.[1];
    if (says === undefined) throw new Error(`${name} has no comment in cloud/platform/config.ts.`);
    return `| \`${name}\` | ${defaultOf(schema)} | ${says} |`;
  });
  return ['| Variable | Default | Meaning |', '| --- | --- | --- |', ...rows].join('\n');
}

function defaultOf(schema: z.ZodType): string {
  const { success, data } = schema.safeParse(undefined);
  if (!success) throw new Error('A variable without a default would be one that everybody has to set.');
  if (data === undefined || (Array.isArray(data) && data.length === 0)) return '';
  return `\`${String(data)}\``;
}
