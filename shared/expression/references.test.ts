import { expect, test } from 'vitest';
import { references, rewriteReferences } from './references.ts';

const rename = (ref: string) => ({ 'Set fields': 'set_k3f9', b: "it's" })[ref];

test.each([
  ["=$('Set fields').item.json.a", "=$('set_k3f9').item.json.a"],
  ['=$( "Set fields" ) .item', '=$( "set_k3f9" ) .item'],
  ['=$(`Set fields`).item', '=$(`set_k3f9`).item'],
  ["=$('b').item", "=$('it\\'s').item"],
  ['=$("b").item', '=$("it\'s").item'],
  [
    "Hi {{ $('Set fields').item.json.n }}, $('Set fields') \\{{ $('Set fields') }}",
    "Hi {{ $('set_k3f9').item.json.n }}, $('Set fields') \\{{ $('Set fields') }}",
  ],
  [
    "=$json.list.map(x => $('Set fields').first().json[x] + $('Set fields').all().length)",
    "=$json.list.map(x => $('set_k3f9').first().json[x] + $('set_k3f9').all().length)",
  ],
  ["='$(\\'Set fields\\')' + 1", "='$(\\'Set fields\\')' + 1"],
  ["=/* $('Set fields') */ $('other').item", "=/* $('Set fields') */ $('other').item"],
  [`=\`\${$('Set fields').item.json.a}\``, `=\`\${$('set_k3f9').item.json.a}\``],
  ["=$('Set fields'", "=$('Set fields'"],
  ["$('Set fields')", "$('Set fields')"],
])('%s becomes %s', (source, expected) => {
  expect(rewriteReferences(source, rename)).toBe(expected);
});

test('the steps an expression names are told once each', () => {
  expect(references("={{ $('a').item.json.x }} {{ $('b').first().json.y + $('a').all().length }}")).toEqual({
    steps: ['a', 'b'],
  });
  expect(references("$('a')").steps).toEqual([]);
  expect(references("=$('a'").steps).toEqual([]);
});
