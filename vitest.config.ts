import { defineConfig } from 'vitest/config';

const common = {
  environment: 'node',
  pool: 'forks',
  testTimeout: 30_000,
  hookTimeout: 60_000,
} as const;
const exclude = ['**/node_modules/**', '**/build/out/**', '**/build/types/**', 'tests/journeys/**'];

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          ...common,
          name: 'plain',
          include: ['{shared,runtime,electron,renderer,build,bench,tests}/**/*.test.{ts,tsx}'],
          exclude: [...exclude, 'tests/cloud/**'],
        },
      },
      {
        test: {
          ...common,
          name: 'cloud',
          include: ['cloud/**/*.test.ts', 'tests/cloud/**/*.test.ts'],
          exclude,
          // One Postgres for the whole run; each file makes its own database on it.
          globalSetup: ['tests/fixtures/globalPostgres.ts'],
        },
      },
    ],
  },
});
