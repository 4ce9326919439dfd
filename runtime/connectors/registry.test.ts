import { expect, test } from 'vitest';
import { StepCatalog } from '#shared/workflow/catalog.ts';
import { catalog, connectorCatalog, findStepType, stepTypes } from './registry.ts';
import { schedule } from './trigger/trigger.ts';

test('every step type that is promised is there, once', () => {
  expect(stepTypes.map(({ type }) => type).sort()).toEqual([
    'code.javascript',
    'code.python',
    'code.typescript',
    'csv.read',
    'csv.rows',
    'csv.write',
    'data.compress',
    'data.crypto',
    'data.dateTime',
    'data.html',
    'data.markdown',
    'data.template',
    'data.validate',
    'data.xml',
    'file.delete',
    'file.lines',
    'file.list',
    'file.read',
    'file.write',
    'flow.approval',
    'flow.debug',
    'flow.filter',
    'flow.if',
    'flow.loop',
    'flow.map',
    'flow.merge',
    'flow.noOp',
    'flow.respond',
    'flow.runWorkflow',
    'flow.stop',
    'flow.switch',
    'flow.try',
    'flow.wait',
    'flow.waitFor',
    'http.request',
    'items.aggregate',
    'items.compare',
    'items.generate',
    'items.limit',
    'items.removeDuplicates',
    'items.rename',
    'items.set',
    'items.sort',
    'items.splitOut',
    'items.summarize',
    'kv.get',
    'kv.set',
    'machine.read',
    'machine.send',
    'mail.send',
    'postgres.delete',
    'postgres.insert',
    'postgres.query',
    'postgres.transaction',
    'postgres.update',
    'sheet.read',
    'sheet.write',
    'sqlite.delete',
    'sqlite.insert',
    'sqlite.query',
    'sqlite.transaction',
    'sqlite.update',
    'table.delete',
    'table.insert',
    'table.query',
    'table.update',
    'trigger.error',
    'trigger.event',
    'trigger.form',
    'trigger.machine',
    'trigger.manual',
    'trigger.route',
    'trigger.schedule',
    'trigger.webhook',
    'trigger.workflow',
  ]);
});

test('a type or a version that is not known is named', () => {
  expect(findStepType('flow.if').title).toBe('If');
  expect(() => findStepType('flow.maybe')).toThrow(expect.objectContaining({ code: 'step.type_unknown' }));
  expect(() => findStepType('flow.if', 2)).toThrow(expect.objectContaining({ code: 'step.type_unknown' }));
  expect(() => findStepType('constructor')).toThrow(expect.objectContaining({ code: 'step.type_unknown' }));
});

test('the catalog is plain data that its schema accepts', () => {
  const plain = JSON.parse(JSON.stringify(catalog()));
  expect(StepCatalog.parse(plain)).toEqual(catalog());
  expect(catalog()['flow.switch']).toMatchObject({
    outputs: ['else'],
    outputsFrom: { list: 'cases', field: 'port' },
    trigger: false,
  });
  expect(catalog()['trigger.webhook']).toMatchObject({ inputs: [], trigger: true, connector: 'webhook' });
  expect(catalog()['http.request']?.connector).toBe('http');
});

test('what a form needs is on every field of every type', () => {
  for (const { type, description, icon, configSchema } of Object.values(catalog())) {
    expect(description, type).toMatch(/^[A-Z].*\.$/);
    expect(icon, type).toMatch(/^[a-z0-9-]+$/);
    expect(configSchema.additionalProperties, type).toBe(false);
    for (const [name, field] of Object.entries(configSchema.properties ?? {})) {
      expect((field as { title?: string }).title, `${type} ${name}`).toBeTruthy();
    }
  }
});

test('a field that must be given is required, although an expression may give nothing', () => {
  expect(catalog()['flow.if']?.configSchema.required).toEqual(['when']);
  expect(catalog()['table.insert']?.configSchema.required).toEqual(expect.arrayContaining(['table', 'key']));
});

test('strict configs refuse fields they do not know', () => {
  for (const type of stepTypes) expect(type.config.safeParse({ surprise: 1 }).success, type.type).toBe(false);
});

test('secrets of a connection are marked, so that they are encrypted and never shown', () => {
  const secrets = (name: string) =>
    Object.entries(connectorCatalog()[name]?.schema.properties as Record<string, { widget?: string }>)
      .filter(([, { widget }]) => widget === 'secret')
      .map(([field]) => field);
  expect([secrets('http'), secrets('webhook'), secrets('crypto')]).toEqual([
    ['password', 'token', 'value', 'clientSecret'],
    ['secret', 'oldSecret'],
    ['key', 'privateKey'],
  ]);
});

test('a schedule that never was one is refused', () => {
  const cron = (text: string) => schedule.config.safeParse({ cron: text }).success;
  expect([cron('0 7 * * 1-5'), cron('*/5 * * * *'), cron('61 * * * *'), cron('every day'), cron('')]).toEqual([
    true,
    true,
    false,
    false,
    false,
  ]);
});
