import { expect, test } from 'vitest';
import { complete } from './complete.ts';
import { testScope } from './evaluate.fixture.ts';

const scope = {
  ...testScope(),
  steps: [
    { id: 'set_k3f9', name: 'Set fields' },
    { id: 'http_a1b2', name: 'Fetch' },
  ],
};

/** The labels offered where the text has a |, and where they go in. */
function at(text: string, known: Parameters<typeof complete>[2] = scope) {
  const offset = text.indexOf('|');
  const { from, options } = complete(text.replace('|', ''), offset, known);
  return { from, labels: options.map(({ label }) => label), options };
}

test('after a dot come the fields of the data, then methods', () => {
  const { from, labels, options } = at('=$json.|');
  expect(from).toBe(7);
  expect(labels.slice(0, 3)).toEqual(['name', 'age', 'nothing']);
  expect(labels).toContain('keys');
  expect(labels).not.toContain('first name');
  expect(options[0]).toEqual({ label: 'name', kind: 'field', detail: '"Ada"' });
});

test.each([
  ['=$json.bo|', ['body']],
  ['Hello {{ $json.body.iss|', ['issue']],
  ['=1 + $json?.body.is|', ['issue', 'isEmpty', 'isNotEmpty']],
  ['=$json.list[0].q|', ['qty']],
  ["=$json['body'].act|", ['action']],
  ['=$json.list.filter(i => i.qty > 1).map(i => i.sk|', ['sku']],
  ['=$json.list.map(({ sku }) => sku).fir|', ['first']],
  ["=$('set_k3f9').item.json.i|", ['id', 'isEmpty', 'isNotEmpty']],
  ['=$input.la|', ['last']],
  ['=$now.plus({ days: 1 }).toISO|', ['toISO', 'toISODate', 'toISOTime']],
  ["='a b'.split(' ').le|", ['length']],
  ['=Math.fl|', ['floor']],
  ['=DateTime.fromI|', ['fromISO']],
  ['=upp|', ['upper']],
  ['=$js|', ['$json']],
  ['=[$json.age, $ite|', ['$itemIndex', '$items']],
])('%s offers %j', (text, expected) => {
  expect(at(text).labels).toEqual(expected);
});

test("inside $('…') come the steps, by id or name", () => {
  expect(at("=$('|")).toMatchObject({ from: 4, labels: ['set_k3f9', 'http_a1b2'] });
  expect(at("=$('fet|").options).toEqual([{ label: 'http_a1b2', kind: 'step', detail: 'Fetch' }]);
});

test('at the start come variables and functions, each with a line about it', () => {
  const { options } = at('={{ |');
  expect(options.find(({ label }) => label === '$json')).toMatchObject({
    kind: 'variable',
    detail: 'The data of the current item.',
  });
  expect(options.find(({ label }) => label === 'upper')?.detail).toBe('(text) A text in capital letters.');
});

test.each(['plain te|xt', '{{ 1 }} te|', "='in qu|", '=$json.missing.|'])('%s offers nothing', (text) => {
  expect(at(text).labels).toEqual([]);
});

test('without data the names and functions are still there', () => {
  expect(at('=$js|', {}).labels).toEqual(['$json']);
  expect(at("='a'.toUp|", {}).labels).toEqual(['toUpperCase']);
  expect(at('=$json.|', {}).labels).toContain('keys');
});

test('the cursor anywhere in broken text is no error', () => {
  const text = `={{ $json.list.map(x => x.) [ '\`\${ ( $('a }} \\{{ ?. . .. =>`;
  for (let offset = 0; offset <= text.length; offset++) expect(() => complete(text, offset, scope)).not.toThrow();
});
