import { expect, test } from 'vitest';
import { runTree, sketchTree } from '../../tests/fixtures/engine.ts';

const ask = {
  uses: 'http.request',
  config: { method: 'GET', url: 'https://api.example/' },
  connection: 'api',
};
const tree = sketchTree({ steps: { start: { uses: 'trigger.manual' }, ask }, edges: ['start -> ask'] });
const api = { connector: 'http', secret: { kind: 'bearer', token: 'planted-canary' }, hosts: ['api.example'] };

test('a step whose connection is withheld asks nobody and says why; with one that is not it asks', async () => {
  const asked: string[] = [];
  const http = (request: { url: string }) => {
    asked.push(request.url);
    return { status: 200, headers: {}, body: {} };
  };
  const withheld = { ...api, secret: {}, hosts: [], withheld: 'It rests: there is no room.' };
  const refused = await runTree(tree, { connections: { api: withheld }, http });
  expect(refused.outcome).toMatchObject({
    status: 'failed',
    error: {
      code: 'plan.limit_exceeded',
      message: 'Step ask needs the connection api. It rests: there is no room.',
    },
  });
  expect(asked).toEqual([]);
  expect((await runTree(tree, { connections: { api }, http })).outcome.status).toBe('succeeded');
  expect(asked).toEqual(['https://api.example/']);
});
