import { z } from 'zod';
import { defineStepType } from '../stepType.ts';
import { FormConfig } from './formConfig.ts';

export const form = defineStepType({
  type: 'trigger.form',
  version: 1,
  category: 'trigger',
  effect: 'pure',
  inputs: [],
  mode: 'once',
  title: 'Form',
  description: 'Starts when somebody fills in and sends a form on a page of its own.',
  icon: 'clipboard-list',
  config: FormConfig,
  output: z.looseObject({ submittedAt: z.string() }),
});
