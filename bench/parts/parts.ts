import { durables } from './durable.ts';
import { postgres } from './durablePostgres.ts';
import { graphs } from './graphs.ts';
import { millions } from './million.ts';
import type { Part } from './part.ts';
import { scripts } from './scripts.ts';

/** Everything that is measured beside its own limit rather than behind a webhook. */
export const PARTS: readonly Part[] = [...scripts, ...graphs, ...millions, ...durables, postgres];
