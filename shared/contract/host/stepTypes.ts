import { z } from 'zod';
import { StepTypeInfo } from '../../workflow/catalog.ts';
import type { Group } from '../contract.ts';
import { Empty } from './common.ts';

export const stepTypes = {
  list: { input: Empty, output: z.array(StepTypeInfo) },
} as const satisfies Group;
