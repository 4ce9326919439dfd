import fc from 'fast-check';
import { expect, test } from 'vitest';
import { drawn } from '../../tests/fixtures/drawn.ts';
import { mergeText } from './mergeText.ts';

fc.configureGlobal(drawn);

const base = 'one\ntwo\nthree\nfour\nfive\nsix';

test('changes of different lines both stay', () => {
  expect(mergeText(base, 'ONE\ntwo\nthree\nfour\nfive\nsix', 'one\ntwo\nthree\nfour\nFIVE\nsix\nseven')).toEqual({
    text: 'ONE\ntwo\nthree\nfour\nFIVE\nsix\nseven',
    clash: false,
  });
});

test('of one line theirs stands, and the rest of ours stays', () => {
  expect(mergeText(base, 'one\n2\nthree\nfour\nfive\nsix', 'one\nII\nthree\nfour\nfive\nVI')).toEqual({
    text: 'one\n2\nthree\nfour\nfive\nVI',
    clash: true,
  });
});

test('lines next to each other clash, for neither author saw what the other put there', () => {
  expect(mergeText(base, 'one\n2\nthree\nfour\nfive\nsix', 'one\ntwo\n3\nfour\nfive\nsix')).toEqual({
    text: 'one\n2\nthree\nfour\nfive\nsix',
    clash: true,
  });
});

test('the same change made by both is one change', () => {
  const both = 'one\n2\nthree\nfour\nfive\nsix';
  expect(mergeText(base, both, `${both}\nseven`)).toEqual({ text: `${both}\nseven`, clash: false });
});

test('lines taken away by one and changed by the other clash', () => {
  expect(mergeText(base, 'one\nfive\nsix', 'one\ntwo\nTHREE\nfour\nfive\nsix')).toEqual({
    text: 'one\nfive\nsix',
    clash: true,
  });
});

test('a merge with one side unchanged is the other side, and sides change places but for what clashes', () => {
  const text = fc.array(fc.constantFrom('a', 'b', 'c', '', 'd'), { maxLength: 10 }).map((lines) => lines.join('\n'));
  fc.assert(
    fc.property(text, text, text, (from, a, b) => {
      expect(mergeText(from, a, from)).toEqual({ text: a, clash: false });
      expect(mergeText(from, from, b)).toEqual({ text: b, clash: false });
      expect(mergeText(from, a, a)).toEqual({ text: a, clash: false });
      const [one, other] = [mergeText(from, a, b), mergeText(from, b, a)];
      expect(one.clash).toBe(other.clash);
      if (!one.clash) expect(one.text).toBe(other.text);
    }),
  );
});
