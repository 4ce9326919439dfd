import { expect, test } from 'vitest';
import { accepted, offerAt, shownText, valueTyped } from './expressionText.ts';

const scope = { json: { amount: 40, amountDue: 2, name: 'Lamp' }, steps: [{ id: 'start_0a1b', name: 'Start' }] };
/** A text with `|` where the cursor is. */
function at(marked: string) {
  const caret = marked.indexOf('|');
  return { text: marked.replace('|', ''), caret };
}
/** What is offered in an expression, with the cursor at `|`. */
function offered(marked: string, asked = false) {
  const { text, caret } = at(marked);
  return offerAt(shownText(`=${text}`), caret, scope, asked);
}
/** The expression after its first offer is taken. */
function taken(marked: string, asked = false) {
  const { text } = at(marked);
  const offer = offered(marked, asked);
  const [first] = offer?.options ?? [];
  if (!offer || !first) return undefined;
  const next = accepted(text, offer, first);
  return `${next.text.slice(0, next.caret)}|${next.text.slice(next.caret)}`;
}

test('an equals sign at the start makes an expression and is not part of its text', () => {
  expect(valueTyped({ text: '=$json.am', caret: 9 }, false)).toEqual({ value: '=$json.am', caret: 8 });
  expect(shownText('=$json.am')).toMatchObject({ equals: true, text: '$json.am', shift: 1 });
  expect(valueTyped({ text: '$json.am', caret: 8 }, true)).toEqual({ value: '=$json.am', caret: undefined });
  expect(valueTyped({ text: 'plain', caret: 5 }, false)).toEqual({ value: 'plain', caret: undefined });
});

test('an expression pasted into an expression has one equals sign', () => {
  expect(valueTyped({ text: '=$json.name', caret: 11 }, true)).toEqual({ value: '=$json.name', caret: 10 });
  expect(valueTyped({ text: '=', caret: 1 }, true, true)).toEqual({ value: '', caret: 0 });
});

test('a field for expressions only needs no equals sign, and shows one', () => {
  expect(shownText('', true)).toMatchObject({ equals: true, text: '', source: '' });
  expect(shownText('$json.a', true)).toMatchObject({ equals: true, text: '$json.a', source: '=$json.a' });
  expect(shownText('{{ $json.a }}', true)).toMatchObject({ equals: false });
});

test('names are offered where one has begun, after a dot, and at the start', () => {
  expect(offered('$json.am|')?.options.map(({ label }) => label)).toEqual(['amount', 'amountDue']);
  expect(offered('$json.|')?.options[0]?.label).toBe('amount');
  expect(offered('|')?.options[0]?.label).toBe('$json');
  expect(offered("$('|")?.options[0]?.label).toBe('start_0a1b');
  expect(offered('$json.amount * |')).toBeUndefined();
  expect(offered('$json.amount * |', true)?.options[0]?.label).toBe('$json');
});

test('nothing is offered in plain text', () => {
  expect(offerAt(shownText('plain'), 5, scope, true)).toBeUndefined();
  expect(offerAt(shownText('Hi {{ $js }}'), 2, scope, true)).toBeUndefined();
  expect(offerAt(shownText('Hi {{ $js }}'), 9, scope, false)?.options[0]?.label).toBe('$json');
});

test('an accepted name takes the place of the whole name at the cursor', () => {
  expect(taken('$js|on.amount')).toBe('$json|.amount');
  expect(taken('$json.am|')).toBe('$json.amount|');
  expect(taken('$json.a|mou * 2')).toBe('$json.amount| * 2');
  expect(taken('$json.name.toUp|')).toBe('$json.name.toUpperCase(|');
  expect(taken('$json.name.toUp|per()')).toBe('$json.name.toUpperCase|()');
});

test('a name that is written out is not offered again, unless somebody asks', () => {
  expect(offered('$json|')).toBeUndefined();
  expect(offered('$json|', true)?.options.map(({ label }) => label)).toEqual(['$json']);
});
