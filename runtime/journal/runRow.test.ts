import { deflateRawSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { packed, unpacked } from './runRow.ts';

const long = JSON.stringify(Array.from({ length: 2_000 }, (_, n) => ({ n, text: `Größe ${n} 漢字 😀` })));

test('short text stays as it is, long text is packed, and both come back to the character', () => {
  expect(packed('[1]')).toBe('[1]');
  const small = packed(long);
  expect(small).toBeInstanceOf(Uint8Array);
  expect(small.length).toBeLessThan(long.length / 4);
  expect(unpacked(small as Uint8Array)).toBe(long);
  expect(unpacked('[1]')).toBe('[1]');
});

test('what an earlier version deflated is read', () => {
  for (const text of [long, '[]', '{"(":1}'])
    expect(unpacked(Uint8Array.from(deflateRawSync(text, { level: 1 })))).toBe(text);
});

test('bytes that are neither are refused, not taken for something', () => {
  expect(() => unpacked(Uint8Array.from([0x28, 0xb5, 0x2f, 0xfd, 1, 2, 3]))).toThrow();
  expect(() => unpacked(Uint8Array.from([255, 255, 255]))).toThrow();
});
