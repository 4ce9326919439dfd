import { describe, expect, test } from 'vitest';
import { CONSTANTS, DOLLAR_FUNCTIONS, FUNCTIONS, GROUPS, METHODS, PROPERTIES, VARIABLES } from './complete.ts';
import { evaluate } from './evaluate.fixture.ts';

describe('functions', () => {
  test.each<[string, unknown]>([
    ["=lower('ÀB') + upper('c')", 'àbC'],
    ["=trimSpace('  a ')", 'a'],
    ["=contains('abc', 'b') && contains([1, 2], 2) && !contains($json.missing, 'x')", true],
    ["=replace('a.b.c', '.', '$&')", 'a$&b$&c'],
    ["=urlEncode('a b&c')", 'a%20b%26c'],
    ['=json({ a: [1] })', '{"a":[1]}'],
    ["=default('', 1) + default(0, 5)", 1],
    ["=parseInt('12px') + parseFloat('1.5x') + Number('2')", 15.5],
    ["=isNaN('x') && !isNaN('1') && isFinite(1)", true],
    ["=String(12) + String(null) + Boolean('')", '12nullfalse'],
    ['=Math.max(1, ...[5, 3]) + Math.min(2, 1) + Math.floor(1.9) + Math.pow(2, 3)', 15],
    ['=Math.round(Math.PI * 100) / 100', 3.14],
    ['=Object.keys({ b: 1, a: 2 }).join() + Object.values({ x: 1 })[0]', 'b,a1'],
    ["=Object.fromEntries(Object.entries({ a: 1 }).map(([k, v]) => [k + '2', v * 2]))", { a2: 2 }],
    ['=Object.assign({ a: 1 }, { b: 2 })', { a: 1, b: 2 }],
    ['=Array.from({ length: 3 }, (x, i) => i * 2)', [0, 2, 4]],
    ['=Array.isArray([]) && !Array.isArray({})', true],
    ['=JSON.stringify(JSON.parse(\'[1, {"a": null}]\'), null, 2)', '[\n  1,\n  {\n    "a": null\n  }\n]'],
    ['=[{ a: 1 }].map(JSON.stringify)', ['{"a":1}']],
  ])('%s is %j', (source, expected) => {
    expect(evaluate(source)).toEqual(expected);
  });
});

describe('text', () => {
  test.each<[string, unknown]>([
    ["='Write to ada@example.org, please'.extractEmail()", 'ada@example.org'],
    ["='nobody'.extractEmail()", undefined],
    ["='ada@example.org'.isEmail() && !'a b@c'.isEmail()", true],
    ["=''.isEmpty() && 'a'.isNotEmpty()", true],
    ["='12.5'.toNumber() + 1", 13.5],
    ["='the red HOUSE'.toTitleCase()", 'The Red House'],
    ["='the RED house'.toSentenceCase()", 'The red house'],
    ["='a-b-c'.split('-').reverse().join('')", 'cba'],
    ["='a1b22'.split(/\\d+/)", ['a', 'b', '']],
    ["='a1b'.split(/(\\d)/)", ['a', '1', 'b']],
    ["='abc'.split('')", ['a', 'b', 'c']],
    ["='5'.padStart(3, '0') + 'a'.padEnd(3, '-')", '005a--'],
    ["='John Smith'.replace(/(\\w+) (\\w+)/, '$2, $1')", 'Smith, John'],
    ["='2026-03'.replace(/(?<y>\\d+)-(?<m>\\d+)/, '$<m>/$<y>')", '03/2026'],
    ["='abc'.replace(/[a-z]/g, c => c.toUpperCase() + '.')", 'A.B.C.'],
    ["='aXbX'.replace('X', 'y') + 'aXbX'.replaceAll('X', 'y')", 'aybXayby'],
    ["='abc'.replaceAll('', '-')", '-a-b-c-'],
    ["='baaac'.replace(/a*/g, 'x')", 'xbxxcx'],
    ["='a1b2'.match(/\\d/g)", ['1', '2']],
    ["='a1b2'.match(/([a-z])(\\d)/)", ['a1', 'a', '1']],
    ["='2026-03'.match(/(?<y>\\d+)/).groups.y", '2026'],
    ["='none'.match(/\\d/)", null],
    ["='a1b2'.matchAll(/[a-z](\\d)/g).map(m => m[1])", ['1', '2']],
    ["='abc'.search(/c/) + 'abc'.indexOf('b')", 3],
    ["='a\u00a0b'.split(/\\s/)", ['a', 'b']],
    ["='[x]'.replace(/[[\\]]/g, '')", 'x'],
    ["='abc'.slice(-2) + 'abc'.at(-1) + 'abc'.substring(0, 1)", 'bcca'],
    ['=\'{"a":1}\'.parseJson().a', 1],
    ["='a b'.urlEncode().urlDecode()", 'a b'],
    ["='2026-03-01T00:00:00Z'.toDateTime().toMillis()", 1_772_323_200_000],
    ["='abc'[1] + 'abc'.length", 'b3'],
  ])('%s is %j', (source, expected) => {
    expect(evaluate(source)).toEqual(expected);
  });
});

describe('lists', () => {
  test.each<[string, unknown]>([
    ['=[3, 1, 10].sort()', [1, 10, 3]],
    ['=[3, 1, 10].sort((a, b) => a - b)', [1, 3, 10]],
    ['=[1, 2, 3].reverse()', [3, 2, 1]],
    ['=[1, 2, 3].first() + [1, 2, 3].last()', 4],
    ['=[1, 2, 3].sum() + [1, 3].average() + [4, 9].max() + [4, 9].min()', 21],
    ['=[].average()', 0],
    ["=[1, '1', 1, { a: 1 }, { a: 1 }].unique()", [1, '1', { a: 1 }]],
    ["=$json.list.pluck('sku')", ['a', 'b', 'c']],
    ["=$json.list.pluck('sku', 'qty').length", 3],
    ['=[1, 2, 3, 4, 5].chunk(2)', [[1, 2], [3, 4], [5]]],
    ["=[1, null, '', 0, undefined].compact()", [1, 0]],
    ['=[].isEmpty() && [1].isNotEmpty()', true],
    ['=[1, 2, 3].difference([2])', [1, 3]],
    ['=[1, 2, 2, 3].intersection([2, 3])', [2, 3]],
    ['=[1, 2].union([2, 3])', [1, 2, 3]],
    ['=[{ a: 1 }, { b: 2 }].merge()', { a: 1, b: 2 }],
    ['=[1, 2, 3, 4].randomItem()', 3],
    ['=[[1, [2]], 3].flat() .length', 3],
    ['=[[1, [2, [3]]]].flat(1 / 0)', [1, 2, 3]],
    ['=[1, 2].flatMap(x => [x, x * 10])', [1, 10, 2, 20]],
    ['=[1, 2, 3].reduce((a, b) => a + b)', 6],
    ["=['a', 'b'].reduceRight((s, x) => s + x, '')", 'ba'],
    ['=[5, 6].find(x => x > 5) + [5, 6].findIndex(x => x === 9)', 5],
    ['=[1, 2].every(x => x > 0) && [1, 2].some(x => x > 1)', true],
    ['=[1, 2, 3].includes(2) && [1, 2].indexOf(2) === 1', true],
    ['=[1, 2, 3].slice(1).concat(4, [5])', [2, 3, 4, 5]],
    ["=[1, null, 'a', [2, 3]].join('-')", '1--a-2,3'],
    ['=[1, 2, 3].with(1, 9)', [1, 9, 3]],
  ])('%s is %j', (source, expected) => {
    expect(evaluate(source)).toEqual(expected);
  });

  test('sort and reverse leave the list of the item as it was', () => {
    const json = { list: [3, 1, 2] };
    expect(evaluate('=[$json.list.sort(), $json.list.reverse(), $json.list]', { json })).toEqual([
      [1, 2, 3],
      [2, 1, 3],
      [3, 1, 2],
    ]);
  });

  test('sum names the element that is no number', () => {
    expect(() => evaluate("=[1, 'x'].sum()")).toThrow('Element 1 of the list is not a number');
  });
});

describe('numbers, objects, true and false', () => {
  test.each<[string, unknown]>([
    ['=(1.005).round(2) + (2.5).round()', 4.01],
    ['=(-1.5).round()', -2],
    ['=(1.2).ceil() + (1.8).floor() + (-3).abs()', 6],
    ['=(1234.5).format()', '1,234.5'],
    ["=(1234.5).format(2, 'de-DE')", '1.234,50'],
    ['=(4).isEven() && (3).isOdd() && (3).isInteger()', true],
    ['=(255).toString(16) + (1.5).toFixed(2)', 'ff1.50'],
    ['=$json.body.issue.keys()', ['number', 'title']],
    ['=$json.body.issue.values().length + { a: 1 }.entries()[0][0]', '2a'],
    ["=$json.hasField('name') && !$json.hasField('toString')", true],
    ["={ a: 'xy', b: 'z' }.keepFieldsContaining('x')", { a: 'xy' }],
    ["={ a: 1, b: 2 }.removeField('a')", { b: 2 }],
    ['={ a: 1 }.merge({ a: 9, b: 2 })', { a: 1, b: 2 }],
    ["={ a: null, b: '', c: 0 }.compact()", { c: 0 }],
    ['={}.isEmpty() && $json.isNotEmpty()', true],
    ['={ keys: 5 }.keys()', ['keys']],
    ['=true.toNumber() + true.toString()', '1true'],
  ])('%s is %j', (source, expected) => {
    expect(evaluate(source)).toEqual(expected);
  });
});

describe('dates', () => {
  test.each<[string, unknown]>([
    ['=$now.plus({ days: 1 }).toISODate()', '2026-03-02'],
    ["=$now.plus(2, 'weeks').minus('P1D').toISODate()", '2026-03-14'],
    ['=$now.year + $now.month + $now.day + $now.hour + $now.weekday', 2026 + 3 + 1 + 10 + 7],
    ["=$now.toFormat('yyyy-MM-dd HH:mm') + $now.format('ccc')", '2026-03-01 10:30Sun'],
    ["=$now.startOf('month').toISO()", '2026-03-01T00:00:00.000+01:00'],
    ["=$now.endOf('days').toISOTime()", '23:59:59.999+01:00'],
    ["=$now.setZone('America/New_York').toISO()", '2026-03-01T04:30:00.000-05:00'],
    ['=$now.toUTC().toISO()', '2026-03-01T09:30:00.000Z'],
    ["=DateTime.fromISO('2026-03-10').diff($today, 'days').days", 9],
    ["=$today.diffTo('2026-03-10')", 9],
    ["=$now.diff($now.minus({ hours: 26 }), ['days', 'hours']).toObject()", { days: 1, hours: 2 }],
    ["=$now.isBetween('2026-02-01', '2026-04-01')", true],
    ["=$now.hasSame('2026-03-01', 'day') && $now.isWeekend", true],
    ["=DateTime.fromFormat('05.03.2026', 'dd.MM.yyyy').toISODate()", '2026-03-05'],
    ['=DateTime.fromMillis(0).toUTC().toISO()', '1970-01-01T00:00:00.000Z'],
    ["=DateTime.fromISO('2026-01-01T00:00', { zone: 'utc' }).toISO()", '2026-01-01T00:00:00.000Z'],
    ["=$now > DateTime.fromISO('2026-02-01') && $now <= $now", true],
    ['=$now - $now.minus({ seconds: 1 })', 1000],
    ["='at ' + $today", 'at 2026-03-01T00:00:00.000+01:00'],
    ["=$now.set({ hour: 9, minute: 0 }).toFormat('HH:mm')", '09:00'],
    ["=$now.extract('month') + $now.weekdayLong", '3Sunday'],
    ['=$now.plus({ days: 2 }).toRelative()', 'in 2 days'],
    ["=Duration.fromObject({ hours: 3 }).as('minutes')", 180],
    ['=DateTime.now().toMillis() === $now.toMillis()', true],
  ])('%s is %j', (source, expected) => {
    expect(evaluate(source)).toEqual(expected);
  });

  test.each([
    ["=DateTime.fromISO('nonsense')", 'is not a date'],
    ["=$now.setZone('Nowhere/City')", 'time zone "Nowhere/City" is not known'],
    ['=$now.plus({ lightyears: 1 })', 'lightyears'],
    ["=$now.startOf('eon')", 'not a unit of time'],
    ['=$now.plus({ years: 1e9 })', 'is not a date'],
  ])('%s fails, saying: %s', (source, words) => {
    expect(() => evaluate(source)).toThrow(words);
    expect(() => evaluate(source)).toThrow(expect.objectContaining({ code: 'expression.failed' }));
  });

  test('an unknown time zone of the workflow is named', () => {
    expect(() => evaluate('=$now', { timezone: 'Mars/Base' })).toThrow('time zone "Mars/Base" is not known');
  });
});

test('everything in the tables has a line of documentation', () => {
  const tables = [
    VARIABLES,
    DOLLAR_FUNCTIONS,
    FUNCTIONS,
    ...Object.values(GROUPS),
    ...Object.values(METHODS),
    ...Object.values(PROPERTIES),
  ];
  const docs = tables.flatMap((table) => Object.entries(table));
  expect(docs.length).toBeGreaterThan(200);
  for (const [name, { doc }] of docs) expect(doc, name).toMatch(/^\S.{3,110}\.$/);
  expect(CONSTANTS.Math?.PI).toBe(Math.PI);
});
