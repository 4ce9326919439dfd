import fc from 'fast-check';
import { expect, test } from 'vitest';
import { drawn } from '../../tests/fixtures/drawn.ts';
import { tenantKey } from './tenantKey.ts';

fc.configureGlobal(drawn);

const parts = fc.array(fc.oneof(fc.string({ unit: fc.constantFrom('a', '/', '%', '2', 'F', '5', ':') }), fc.string()));

test('a key begins with its workspace, and no two lists of parts have the same', () => {
  fc.assert(
    fc.property(parts, parts, (one, other) => {
      const [a, b] = [tenantKey('w', ...one), tenantKey('w', ...other)];
      expect(a === b).toBe(JSON.stringify(one) === JSON.stringify(other));
      expect(a.split('/')[0]).toBe('w');
    }),
    { numRuns: 2_000 },
  );
  expect(tenantKey('w', 'a/b')).not.toBe(tenantKey('w', 'a', 'b'));
  expect(tenantKey('w', 'a%2Fb')).not.toBe(tenantKey('w', 'a/b'));
  // The control: put together carelessly, they would be.
  expect(['a/b'].join('/')).toBe(['a', 'b'].join('/'));
});
