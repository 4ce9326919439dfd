import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

const common = {
  environment: 'node',
  pool: 'forks',
  // As many files at once as there are processors; by itself it leaves one idle, which of two is half.
  maxWorkers: availableParallelism(),
  // Of a machine that does much else at the same time.
  testTimeout: 300_000,
  hookTimeout: 300_000,
  // Left alone, a poll gives up after a second, which a busy machine may need for one answer.
  expect: { poll: { timeout: 60_000 } },
  setupFiles: 'tests/fixtures/keepAlive.ts',
  // CI draws the same examples each time: what another seed finds must not stop somebody who has nothing to do with it.
  env: process.env.CI && !process.env.SLUICE_SEED ? { SLUICE_SEED: '20261121' } : {},
} as const;
const LONG = '**/*.long.test.ts';
const exclude = ['**/node_modules/**', '**/build/out/**', '**/build/types/**', 'tests/journeys/**'];
/** Proofs that take minutes: `npm run test:long` alone runs them. */
const isLong = process.env.SLUICE_TESTS === 'long';

export default defineConfig({
  test: {
    projects: isLong
      ? [long()]
      : [
          {
            test: {
              ...common,
              name: 'plain',
              include: ['{shared,runtime,electron,renderer,build,bench,tests}/**/*.test.{ts,tsx}'],
              exclude: [...exclude, LONG, 'tests/cloud/**', 'tests/isolation/**'],
            },
          },
          {
            test: {
              ...common,
              name: 'cloud',
              include: ['cloud/**/*.test.ts', 'tests/{cloud,isolation}/**/*.test.ts'],
              exclude: [...exclude, LONG],
              // One Postgres for the whole run; each file makes its own database on it.
              globalSetup: ['tests/fixtures/globalPostgres.ts'],
            },
          },
        ],
  },
});

function long() {
  return {
    test: {
      ...common,
      name: 'long',
      include: ['{shared,runtime,electron,cloud,bench,tests}/**/*.long.test.ts'],
      exclude,
      testTimeout: 3_600_000,
      // One after the other: each may take the machine for itself.
      fileParallelism: false,
      globalSetup: ['tests/fixtures/globalPostgres.ts'],
    },
  };
}
