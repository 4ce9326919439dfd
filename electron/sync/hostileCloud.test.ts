import { readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { v7 as uuid } from 'uuid';
import { expect, onTestFinished, test } from 'vitest';
import type { SluiceError } from '#shared/error.ts';
import type { Json } from '#shared/json.ts';
import { merkleHash } from '#shared/workflow/hash.ts';
import type { Tree } from '#shared/workflow/tree.ts';
import { boundProject, cloudServer, desktop, elsewhere, until, variable } from '../../tests/fixtures/syncDesktop.ts';
import { createCloudClient } from '../account/cloudClient.ts';

const deep = (levels: number): Json => JSON.parse(`${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`);

/** Projects that a control plane must not bring to a computer, each with the hash it says. */
const HOSTILE: [what: string, make: (tree: Tree, workflowId: string) => unknown][] = [
  ['another project', (tree) => ({ ...tree, project: { ...tree.project, id: uuid() } })],
  ...['../../evil.ts', '/etc/evil.ts', 'C:\\evil.ts', 'a/../../evil.ts', '.git/hooks/x.ts', 'a\0.ts', '.ts', ''].map(
    (path): (typeof HOSTILE)[number] => [
      `a script ${JSON.stringify(path)}`,
      (tree) => ({ ...tree, scripts: { [path]: 'x' } }),
    ],
  ),
  ...['../../evil', '/etc/evil', '..', '__proto__', 'CON.', 'a/b', ''].flatMap((slug): typeof HOSTILE => [
    [
      `a workflow's file ${JSON.stringify(slug)}`,
      (tree, id) => ({ ...tree, workflows: { [id]: { ...tree.workflows[id], slug } } }),
    ],
    [
      `an environment ${JSON.stringify(slug)}`,
      (tree) => ({ ...tree, environments: JSON.parse(`{${JSON.stringify(slug)}:{"vars":{},"bindings":{}}}`) }),
    ],
    [
      `a state machine ${JSON.stringify(slug)}`,
      (tree) => ({ ...tree, machines: JSON.parse(`{${JSON.stringify(slug)}:{}}`) }),
    ],
  ]),
  ['a text with U+0000', (tree) => ({ ...tree, scripts: { 'a.ts': 'a\0b' } })],
  ['a variable with U+0000', (tree) => ({ ...tree, environments: { local: { vars: { a: '\0' }, bindings: {} } } })],
  ['data without a floor', (tree) => ({ ...tree, environments: { local: { vars: { a: deep(100) }, bindings: {} } } })],
  ['a field __proto__', (tree) => ({ ...tree, machines: { m: JSON.parse('{"__proto__":{"polluted":true}}') } })],
  ['a newer format', (tree) => ({ ...tree, project: { ...tree.project, format: 2 } })],
  ['no tree', () => null],
  ['a list', () => []],
  ['a part that no project has', (tree) => ({ ...tree, hooks: { start: 'touch evil' } })],
];

function everythingIn(dir: string): Record<string, string> {
  const names = readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.parentPath.includes('.sluice'))
    .map((entry) => join(entry.parentPath, entry.name));
  return Object.fromEntries(names.sort().map((name) => [name, readFileSync(name, 'utf8')]));
}

test('whatever project a control plane says it has, nothing reaches the files that is none, and the work goes on', async () => {
  const cloud = await cloudServer();
  const one = await desktop(cloud);
  const { id, dir, head } = await boundProject(cloud, one);
  const [workflowId = ''] = Object.keys(head().tree.workflows);
  await until(() => expect(cloud.watching()).toBe(1));
  await one.reaches(id, 'synced');
  const [before, tree] = [everythingIn(dir), await one.tree(id)];
  const honest = { ...head() };
  const faults: string[] = [];
  for (const [what, make] of HOSTILE) {
    const hostile = make(honest.tree, workflowId) as Tree;
    Object.assign(head(), { tree: hostile, hash: merkleHash(hostile), revision: honest.revision + 1, taken: [] });
    const thrown = await one.client.sync.now({ projectId: id }).then(
      () => undefined,
      (error: SluiceError) => error,
    );
    if (thrown === undefined) faults.push(`${what}: it was taken`);
    if (JSON.stringify(everythingIn(dir)) !== JSON.stringify(before)) faults.push(`${what}: the files are others`);
    if (merkleHash(await one.tree(id)) !== merkleHash(tree)) faults.push(`${what}: the project is another`);
  }
  expect(faults).toEqual([]);
  expect(({} as { polluted?: boolean }).polluted).toBeUndefined();

  // The control plane as it should be: everything goes as before.
  Object.assign(head(), honest);
  await one.edit(id, variable('mine', '1'));
  elsewhere(cloud, id, variable('theirs', '2'));
  await until(() => expect(head().tree.environments.local?.vars).toMatchObject({ mine: '1', theirs: '2' }));
  await until(async () => expect((await one.tree(id)).environments.local?.vars).toMatchObject({ theirs: '2' }));
});

test('what the feed says and is nothing changes nothing, and what comes after it is heard', async () => {
  const cloud = await cloudServer();
  const one = await desktop(cloud);
  const { id, head } = await boundProject(cloud, one);
  await until(() => expect(cloud.watching()).toBe(1));
  await one.reaches(id, 'synced');
  const hash = merkleHash(await one.tree(id));
  const commit = {
    ...{
      commitId: uuid(),
      deviceId: uuid(),
      format: 1,
      baseRevision: head().revision,
      origin: 'canvas',
      message: null,
    },
    ...{ mustExist: [], resultHash: 'f'.repeat(64) },
    ops: [{ op: 'set', path: ['scripts', '../../evil.ts'], value: 'x', was: null }],
  };
  const about = { type: 'commit', projectId: id, revision: head().revision + 1, hash: 'f'.repeat(64) };
  for (const message of [
    ...[null, 1, 'x', [], {}, { type: 'no such thing' }, { type: 'commit' }, { type: 'ready', extra: 1 }],
    ...[
      { ...about, revision: -1 },
      { ...about, revision: 1e300 },
      { ...about, projectId: uuid() },
    ],
    ...[
      { ...about, commit },
      { ...about, commit: { ...commit, ops: 'all' } },
      { ...about, hash: '../..' },
    ],
    ...[
      { type: 'conflicts.changed', projectId: id, open: -5 },
      { type: 'reconnect', afterMs: 'soon' },
    ],
    ...[
      { type: 'presence', who: { sessionId: 'x' } },
      { type: 'run.event', event: { __proto__: null } },
    ],
  ])
    cloud.tell(message);
  elsewhere(cloud, id, variable('theirs', '2'));
  await until(async () => expect((await one.tree(id)).environments.local?.vars).toMatchObject({ theirs: '2' }));
  await until(async () => expect(merkleHash(await one.tree(id))).toBe(head().hash));
  expect(head().hash).not.toBe(hash);
  expect((await one.tree(id)).scripts).toEqual({});
});

/** A server that answers everything with the same. */
async function answering(answer: Parameters<typeof createServer>[1]): Promise<string> {
  const server = createServer(answer as never);
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test('an answer that leads elsewhere is not followed, and one without an end is not read to it', async () => {
  const tokens: (string | undefined)[] = [];
  const other = await answering(((
    request: { headers: Record<string, string> },
    response: { end(text: string): void },
  ) => {
    tokens.push(request.headers.authorization);
    response.end('{}');
  }) as never);
  const session = { access: async () => 'a token', renew: async () => 'another' };
  const headOf = (cloudUrl: string) =>
    createCloudClient({ cloudUrl, userAgent: 'Test', session, workspaceId: uuid() }).projects.head({
      projectId: uuid(),
    });
  for (const status of [301, 302, 303, 307, 308]) {
    const url = await answering((_request, response) => void response.writeHead(status, { location: other }).end());
    await expect(headOf(url)).rejects.toMatchObject({ code: 'cloud.unreachable' });
  }
  expect(tokens).toEqual([]);

  let written = 0;
  const endless = await answering((_request, response) => {
    const chunk = Buffer.alloc(1_048_576, ' ');
    const more = () => {
      while (!response.destroyed && response.write(chunk)) written++;
      if (!response.destroyed) response.once('drain', more);
    };
    more();
  });
  await expect(headOf(endless)).rejects.toMatchObject({ code: 'cloud.unreachable' });
  expect(written).toBeLessThan(200);
  // An honest one at the same moment.
  const fine = await answering(
    (_request, response) => void response.writeHead(404).end('{"code":"project.not_found"}'),
  );
  await expect(headOf(fine)).rejects.toMatchObject({ code: 'project.not_found' });
});
