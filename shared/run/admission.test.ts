import { expect, test } from 'vitest';
import { DEFAULT_SETTINGS, type Settings, type Workflow } from '../workflow/tree.ts';
import { type AdmissionInput, compileAdmission, withoutRefusals } from './admission.ts';

const workflow = (settings: Partial<Settings>): Workflow => ({
  slug: 'work',
  name: 'Work',
  settings: { ...DEFAULT_SETTINGS, ...settings },
  steps: {
    hook_k3f9: {
      uses: 'trigger.webhook',
      version: 1,
      name: 'Hook',
      config: {},
      onError: 'stop',
      mode: 'once',
    },
  },
  edges: {},
  layout: {},
});

const input = (json: AdmissionInput['items'][number]['json'], vars = {}): AdmissionInput => ({
  workflowId: '0199f2c4-6a02-7c11-8b7e-2d9f4c5e6a01',
  triggerStepId: 'hook_k3f9',
  items: [{ json }],
  vars,
  nowMs: 0,
});

const of = (settings: Partial<Settings>, given: AdmissionInput) => compileAdmission(workflow(settings))?.of(given);

test('a workflow without such settings demands nothing', () => {
  expect(compileAdmission(workflow({ timeoutMs: 1_000 }))).toBeUndefined();
  expect(compileAdmission(workflow({ concurrency: 1 }))).toBeDefined();
});

test('each key is what its expression gives for the trigger’s first item; without one all runs share it', () => {
  const settings = {
    concurrency: 2,
    concurrencyKey: '=$json.body.customer',
    rate: { count: 3, perMs: 1_000 },
    throttle: { count: 1, perMs: 50, key: '{{ $trigger.body.customer }}-{{ $env.region }}' },
    debounce: { waitMs: 10, maxMs: 100, key: `=$('hook_k3f9').first().json.body.customer` },
    priority: '=$json.body.urgent ? 100 : -5',
    singleton: { mode: 'skip' as const, key: '=$request.body.customer' },
    idempotency: { key: '=[$json.body.customer, 1]', windowMs: 1_000 },
  };
  expect(of(settings, input({ body: { customer: 'ada', urgent: true } }, { region: 'eu' }))).toEqual({
    concurrency: { key: '"ada"', limit: 2 },
    rate: { key: 'null', count: 3, perMs: 1_000 },
    throttle: { key: '"ada-eu"', count: 1, perMs: 50 },
    debounce: { key: '"ada"', waitMs: 10, maxMs: 100 },
    priority: 100,
    singleton: { key: '"ada"', mode: 'skip' },
    idempotency: { key: '["ada",1]', windowMs: 1_000 },
  });
  expect(compileAdmission(workflow(settings))?.readsVars).toBe(true);
  expect(compileAdmission(workflow({ priority: '5' }))?.readsVars).toBe(false);
});

test('a key that cannot be worked out says which setting, and chance is no key', () => {
  expect(() => of({ singleton: { mode: 'skip', key: '=$json.a.b' } }, input({}))).toThrow(/settings\.singleton\.key/);
  expect(() => of({ idempotency: { key: '=uuidv4()', windowMs: 1 } }, input({}))).toThrow(/chance/);
  expect(() => compileAdmission(workflow({ rate: { count: 1, perMs: 1, key: '=$json.' } }))).toThrow(
    /settings\.rate\.key/,
  );
  expect(of({ rate: { count: 1, perMs: 1, key: '=$json.a' } }, input({ a: 1 }))?.rate?.key).toBe('1');
});

test('a priority is a whole number from -100 to 100', () => {
  const priority = (text: string) => of({ priority: text }, input({ n: 7 }))?.priority;
  expect([priority('100'), priority('-100'), priority('=$json.n')]).toEqual([100, -100, 7]);
  for (const bad of ['101', '-101', '0.5', 'high', '=null']) expect(() => priority(bad), bad).toThrow(/priority/);
});

test('what must not be refused keeps its place in line only', () => {
  const all = of(
    {
      concurrency: 1,
      rate: { count: 1, perMs: 1 },
      priority: '1',
      debounce: { waitMs: 1 },
      singleton: { mode: 'cancel' },
      idempotency: { key: 'a', windowMs: 1 },
    },
    input({}),
  );
  expect(withoutRefusals(all ?? {})).toEqual({ concurrency: { key: 'null', limit: 1 }, priority: 1 });
});
