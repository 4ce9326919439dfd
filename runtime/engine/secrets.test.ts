import { expect, test } from 'vitest';
import { runTree, sketchTree } from '../../tests/fixtures/engine.ts';

test('a secret of a connection reaches neither the journal nor the data, even when the service sends it back', async () => {
  const tree = sketchTree({
    steps: {
      start: { uses: 'trigger.manual' },
      ask: {
        uses: 'http.request',
        config: { method: 'GET', url: 'https://api.example/', headers: { Authorization: 'Bearer typed-by-hand' } },
        connection: 'api',
      },
    },
    edges: ['start -> ask'],
  });
  const seen: string[] = [];
  const run = await runTree(tree, {
    connections: {
      api: { connector: 'http', secret: { kind: 'bearer', token: 'planted-canary' }, hosts: ['api.example'] },
    },
    http: (request) => {
      seen.push(JSON.stringify(request));
      return {
        status: 200,
        headers: {},
        body: { youSent: 'Bearer planted-canary', encoded: Buffer.from('planted-canary').toString('base64') },
      };
    },
  });
  expect(run.outcome.status).toBe('succeeded');
  expect(seen[0]).toContain('typed-by-hand');
  const journal = JSON.stringify(run.events);
  expect(journal).toContain('secret://api#token');
  expect(journal).not.toContain('planted-canary');
  expect(journal).not.toContain(Buffer.from('planted-canary').toString('base64'));
  expect(journal).not.toContain('typed-by-hand');
});
