import { expect, test } from 'vitest';
import { SluiceError } from '#shared/error.ts';
import { createWorld, itemsOf, jsonOf, NOW } from '../stepCall.fixture.ts';
import { filter, ifStep, stop, switchStep } from './branch.ts';
import { respond, runWorkflow, wait } from './control.ts';
import { loop } from './groups.ts';
import { merge } from './merge.ts';

const { run, trace } = createWorld({
  workflow: (_, items) => items.map(({ json }) => ({ json: { sub: json.n ?? 0 }, from: 7 })),
});
const three = itemsOf({ n: 1 }, { n: 2 }, { n: 3 });

test('if sends each item one way and says where it came from', async () => {
  expect(await run(ifStep, ({ json }) => ({ when: json.n !== 2 }), three)).toEqual({
    true: [
      { json: { n: 1 }, from: 0 },
      { json: { n: 3 }, from: 2 },
    ],
    false: [{ json: { n: 2 }, from: 1 }],
  });
});

test.each([
  [true, 'true'],
  [1, 'true'],
  ['yes', 'true'],
  ['0', 'true'],
  [[], 'true'],
  [{}, 'true'],
  [false, 'false'],
  [0, 'false'],
  ['', 'false'],
  ['false', 'false'],
  [null, 'false'],
])('a condition of %j goes to %s', async (when, port) => {
  expect(Object.keys(await run(ifStep, { when }, itemsOf({ n: 1 })))).toEqual([port]);
});

test('a condition that gave nothing is no', async () => {
  expect(Object.keys(await run(ifStep, {}, itemsOf({ n: 1 })))).toEqual(['false']);
});

test('an item whose condition fails leaves by error and the others go on', async () => {
  const config = (item: { json: { n?: unknown } }) => {
    if (item.json.n === 2) throw new SluiceError('expression.failed', 'Cannot read x of nothing.');
    return { when: true };
  };
  const ports = await run(ifStep, config as never, three);
  expect(jsonOf(ports.true)).toEqual([{ n: 1 }, { n: 3 }]);
  expect(ports.error).toEqual([
    { json: { n: 2, error: { code: 'expression.failed', message: 'Cannot read x of nothing.' } }, from: 1 },
  ]);
});

test('a bug in the way of a condition is not made an item', async () => {
  await expect(
    run(
      ifStep,
      ((item: { json: { n?: unknown } }) => {
        if (item.json.n === 2) throw new TypeError('bug');
        return {};
      }) as never,
      three,
    ),
  ).rejects.toThrow('bug');
});

test('filter drops what does not hold', async () => {
  expect(await run(filter, ({ json }) => ({ when: (json.n as number) > 1 }), three)).toEqual({
    main: [
      { json: { n: 2 }, from: 1 },
      { json: { n: 3 }, from: 2 },
    ],
  });
  expect(await run(filter, { when: false }, three)).toEqual({});
});

test('switch takes the first case that holds, or else', async () => {
  const ports = await run(
    switchStep,
    ({ json }) => ({
      cases: [
        { port: 'small', when: (json.n as number) < 2 },
        { port: 'odd', when: (json.n as number) % 2 === 1 },
      ],
    }),
    three,
  );
  expect(ports).toEqual({
    small: [{ json: { n: 1 }, from: 0 }],
    else: [{ json: { n: 2 }, from: 1 }],
    odd: [{ json: { n: 3 }, from: 2 }],
  });
});

test('switch refuses two cases of one port and the names that it has itself', () => {
  const cases = (...ports: string[]) =>
    switchStep.config.safeParse({ cases: ports.map((port) => ({ port, when: true })) }).success;
  expect([cases('a', 'b'), cases('a', 'a'), cases('else'), cases('error'), cases('A b')]).toEqual([
    true,
    false,
    false,
    false,
    false,
  ]);
});

const a = itemsOf({ id: 1, x: 'a1' }, { id: 2, x: 'a2' }, { x: 'none' });
const b = itemsOf({ id: 2, y: 'b2' }, { id: 2, y: 'b2too' }, { id: 9, y: 'b9' });

test('merge appends, keeping lineage to both inputs', async () => {
  expect((await run(merge, {}, { a, b })).main?.map(({ json, from }) => [json.x ?? json.y, from])).toEqual([
    ['a1', [['a', 0]]],
    ['a2', [['a', 1]]],
    ['none', [['a', 2]]],
    ['b2', [['b', 0]]],
    ['b2too', [['b', 1]]],
    ['b9', [['b', 2]]],
  ]);
  expect((await run(merge, {}, { a })).main).toHaveLength(3);
});

test('merge by position pairs what stands at the same place', async () => {
  const short = itemsOf({ y: 1 });
  expect(await run(merge, { how: 'by_position' }, { a, b: short })).toEqual({
    main: [
      {
        json: { id: 1, x: 'a1', y: 1 },
        from: [
          ['a', 0],
          ['b', 0],
        ],
      },
    ],
  });
  expect(
    (await run(merge, { how: 'by_position', keep: 'all' }, { a: short, b })).main?.map(({ from }) => from),
  ).toEqual([
    [
      ['a', 0],
      ['b', 0],
    ],
    [['b', 1]],
    [['b', 2]],
  ]);
});

test('merge by key joins each pair of equal keys, and keeps the others as told', async () => {
  const by = async (keep: string) => jsonOf((await run(merge, { how: 'by_key', keyA: 'id', keep }, { a, b })).main);
  const pairs = [
    { id: 2, x: 'a2', y: 'b2' },
    { id: 2, x: 'a2', y: 'b2too' },
  ];
  expect(await by('matched')).toEqual(pairs);
  expect(await by('all_of_a')).toEqual([a[0]?.json, ...pairs, a[2]?.json]);
  expect(await by('all')).toEqual([a[0]?.json, ...pairs, a[2]?.json, b[2]?.json]);
  expect(merge.config.safeParse({ how: 'by_key' }).success).toBe(false);
});

test('wait waits from the first attempt on, or until a time with a zone', async () => {
  expect(await run(wait, { forMs: 5_000 }, three)).toEqual({ main: three.map((item, from) => ({ ...item, from })) });
  await run(wait, { until: '2026-11-20T08:00:00+01:00' }, three);
  expect(trace.waits).toEqual([NOW + 5_000, NOW]);
  for (const until of ['tomorrow', '2026-11-20T08:00:00', '2026-13-01T00:00:00Z']) {
    await expect(run(wait, { until }, three)).rejects.toMatchObject({ code: 'config.invalid' });
  }
  await expect(run(wait, { until: '2099-01-01T00:00:00Z' }, three)).rejects.toMatchObject({ code: 'limit.exceeded' });
  expect([wait.config.safeParse({}).success, wait.config.safeParse({ forMs: 1, until: 'x' }).success]).toEqual([
    false,
    false,
  ]);
});

test('respond answers the caller and passes the items on', async () => {
  expect((await run(respond, { status: 201, headers: { 'x-a': '1' }, body: { handled: 3 } }, three)).main).toHaveLength(
    3,
  );
  await run(respond, {}, three);
  expect(trace.answers).toEqual([{ status: 201, headers: { 'x-a': '1' }, body: { handled: 3 } }, { status: 200 }]);
  const bad: Record<string, string>[] = [{ 'bad name': 'x' }, { 'x-a': 'a\r\nset-cookie: b' }];
  for (const headers of bad) {
    await expect(run(respond, { headers }, three)).rejects.toMatchObject({ code: 'config.invalid' });
  }
});

test('stop fails the run with its message', async () => {
  await expect(run(stop, { message: 'No lines.' }, three)).rejects.toMatchObject({
    code: 'step.stopped',
    message: 'No lines.',
  });
});

test('run workflow gives what the other workflow gave, without its inner lineage', async () => {
  expect(await run(runWorkflow, { workflow: 'other' }, three)).toEqual({
    main: [{ json: { sub: 1 } }, { json: { sub: 2 } }, { json: { sub: 3 } }],
  });
  expect(trace.called).toEqual([['other', three]]);
});

test('loop is left to the engine', () => {
  expect([loop.control, loop.run, loop.runAll, loop.inputs, loop.outputs]).toEqual([
    'loop',
    undefined,
    undefined,
    ['main', 'next'],
    ['loop', 'done'],
  ]);
  expect(loop.config.parse({})).toEqual({ batch: 1 });
  expect(loop.config.safeParse({ batch: 0 }).success).toBe(false);
});
