import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Tree } from '#shared/workflow/tree.ts';
import { type Control, createControlBench, step, type Tenant, treeOf } from '../../tests/fixtures/control.ts';
import { createSearchIndex, type SearchIndex } from './searchIndex.ts';
import { createSearchService } from './searchService.ts';
import { queryOf, vectorOf, wordsOf } from './words.ts';

let control: Control;
let index: SearchIndex;
let search: ReturnType<typeof createSearchService>;
let tenant: Tenant;
let tree: Tree;

beforeAll(async () => {
  control = await createControlBench();
  index = createSearchIndex({ ...control, logger: control.logger });
  search = createSearchService({ database: control.database, index });
  tenant = await control.newTenant();
  tree = treeOf(
    tenant.projectId,
    {
      start: step('trigger.manual', {}, { name: 'When the order arrives' }),
      send: step(
        'mail.send',
        { to: 'sales@example.com', subject: 'Größe of {{ $json.orderNumber }}' },
        { name: 'Tell sales', connection: 'outbox' },
      ),
      wait: step('flow.wait', {}, { name: '<img src=x onerror=alert(1)>', notes: 'Kim wanted\na pause here' }),
    },
    { name: 'Order', connections: { outbox: { connector: 'smtp' } } },
  );
  tree.project.name = 'Müller Warehouse';
  for (const workflow of Object.values(tree.workflows))
    Object.assign(workflow, { name: 'Order intake', slug: 'order-intake' });
  await control.push(tenant.actor, tree);
});
afterAll(async () => {
  await index?.stop();
  await control?.close();
});

const find = (q: string, more: object = {}, actor = tenant.actor) =>
  search.find({ q, limit: 20, ...more }, actor) as Promise<{
    data: { kind: string; title: string; detail: string; excerpt?: string; runId?: string; projectName: string }[];
    nextCursor?: string;
  }>;
const titles = async (q: string, more: object = {}) => (await find(q, more)).data.map(({ title }) => title);

test('words are letters and digits, without case, accents and the way names are written', () => {
  expect(wordsOf('sendMail to http.request_2 — Größe Ünïcode №5')).toEqual([
    'send',
    'mail',
    'to',
    'http',
    'request',
    '2',
    'große',
    'unicode',
    'no5',
  ]);
  expect(wordsOf(`${'a'.repeat(100)} '):* & | ! \\`)).toEqual(['a'.repeat(40)]);
  expect(vectorOf([{ text: 'To be or not to be', weight: 'A' }])).toBe("'to':1A,5A 'be':2A,6A 'or':3A 'not':4A");
  expect(queryOf("it's  or 1=1 --")).toBe("'it':* & 's':* & 'or':* & '1':*");
  expect(queryOf(' \'"():*&|!<-> ')).toBeUndefined();
});

test('projects, workflows and steps are found by name, type, connector and the text of their config', async () => {
  expect(await titles('warehouse')).toEqual(['Müller Warehouse']);
  expect(await titles('muller')).toEqual(['Müller Warehouse']);
  expect(await titles('order int')).toEqual(['Order intake']);
  expect(await titles('mail.send')).toEqual(['Tell sales', 'Order intake']);
  expect(await titles('smtp', { kind: 'step' })).toEqual(['Tell sales']);
  expect((await find('sales@example')).data).toMatchObject([
    {
      kind: 'step',
      title: 'Tell sales',
      detail: 'mail.send',
      excerpt: 'sales@example.com',
      projectName: 'Müller Warehouse',
    },
  ]);
  expect((await find('ORDERNUMBER')).data[0]?.excerpt).toBe('Größe of {{ $json.orderNumber }}');
  expect((await find('pause')).data[0]?.excerpt).toBe('a pause here');
  expect(await titles('sales missing')).toEqual([]);
});

test('a name is found before a text that only mentions it', async () => {
  expect(await titles('order')).toEqual(['Order intake', 'When the order arrives', 'Tell sales']);
});

test('what is pushed is found at once, and what is gone is not', async () => {
  const workflow = Object.values(tree.workflows)[0];
  const { wait: _wait, ...rest } = workflow?.steps ?? {};
  const renamed = structuredClone(tree);
  const copy = Object.values(renamed.workflows)[0];
  if (!copy) throw new Error('There is no workflow.');
  copy.steps = { ...rest, later: step('flow.wait', {}, { name: 'Zebra crossing' }) };
  await control.push(tenant.actor, renamed);
  expect(await titles('zebra')).toEqual(['Zebra crossing']);
  expect(await titles('pause')).toEqual([]);
  await control.push(tenant.actor, tree);
  expect(await titles('zebra')).toEqual([]);
  expect(await titles('pause')).toEqual(['<img src=x onerror=alert(1)>']);
});

test('a commit is read without anybody searching, and only what changed is written', async () => {
  index.start();
  const other = await control.newTenant();
  const project = treeOf(other.projectId, { start: step('trigger.manual', {}, { name: 'Quokka' }) });
  await control.push(other.actor, project);
  const kept = () =>
    control.ownerSql<{ key: string; xmin: string }>(
      `select key, xmin::text from search_entry where workspace_id = $1 order by key`,
      [other.workspaceId],
    );
  await expect.poll(async () => (await kept()).length, { timeout: 60_000 }).toBe(3);
  const before = await kept();
  const changed = structuredClone(project);
  changed.project.name = 'Renamed';
  await control.push(other.actor, changed);
  await find('renamed', {}, other.actor);
  const after = await kept();
  const written = after.filter(({ xmin }, at) => xmin !== before[at]?.xmin).map(({ key }) => key);
  expect(written).toEqual(['project']);
});

test('runs are found by workflow, state and error, by who may see runs', async () => {
  const deployed = await control.publish(tenant.actor, tree);
  const runId = uuidv7();
  await control.ownerSql(
    `insert into run (workspace_id, id, project_id, workflow_id, workflow_name, version_id, environment, trigger, trigger_step_id,
                      input, priority, status, error, finished_at)
     values ($1, $2, $3, $4, 'Órder intake', $5, 'production', 'manual', 'start', '{"items":[]}', 5, 'failed',
             '{"code":"connector.rejected","message":"The server said: Mailbox full"}', now())`,
    [tenant.workspaceId, runId, tenant.projectId, uuidv7(), deployed.versionId],
  );
  expect((await find('mailbox full')).data).toMatchObject([
    { kind: 'run', runId, detail: 'failed: The server said: Mailbox full', projectName: 'Müller Warehouse' },
  ]);
  expect((await find('failed order', { kind: 'run' })).data).toMatchObject([{ runId }]);
  const blind = {
    ...tenant.actor,
    permissions: new Set([...tenant.actor.permissions].filter((one) => one !== 'run:read')),
  };
  expect((await find('mailbox full', {}, blind)).data).toEqual([]);
});

test('pages go on where the last one ended', async () => {
  const other = await control.newTenant();
  const steps = Object.fromEntries(
    Array.from({ length: 25 }, (_, n) => [
      `s${n}`,
      step('trigger.manual', {}, { name: `Gnu ${String(n).padStart(2, '0')}` }),
    ]),
  );
  await control.push(other.actor, treeOf(other.projectId, steps));
  const first = await find('gnu', { limit: 10 }, other.actor);
  const second = await find('gnu', { limit: 10, cursor: first.nextCursor }, other.actor);
  const third = await find('gnu', { limit: 10, cursor: second.nextCursor }, other.actor);
  const all = [first, second, third].flatMap(({ data }) => data.map(({ title }) => title));
  expect(new Set(all).size).toBe(25);
  expect(third.nextCursor).toBeUndefined();
  const madeUp = (place: unknown) => Buffer.from(JSON.stringify(place)).toString('base64url');
  for (const cursor of ['-1', '1e3', 'x', '9999', uuidv7(), madeUp([1, 2]), madeUp([1, 2, 'a', 4]), madeUp({})])
    await expect(find('gnu', { cursor }, other.actor)).rejects.toMatchObject({ code: 'request.invalid' });
});

test('whoever turns pages misses nothing and sees nothing twice, whatever is added and taken away meanwhile', async () => {
  const other = await control.newTenant();
  const named = (names: string[]) => {
    const steps = names.map((name) => [name.toLowerCase().replaceAll(' ', '_'), step('trigger.manual', {}, { name })]);
    return treeOf(other.projectId, Object.fromEntries(steps));
  };
  const names = Array.from({ length: 24 }, (_, n) => `Kudu number ${String.fromCharCode(97 + n)}`);
  await control.push(other.actor, named(names));
  const seen: string[] = [];
  let cursor: string | undefined;
  for (let page = 0; page === 0 || cursor; page++) {
    const found = await find('kudu', { limit: 5, cursor }, other.actor);
    seen.push(...found.data.map(({ title }) => title));
    cursor = found.nextCursor;
    // What is new fits better than any other, and so stands before all that was read; of what was read, one goes.
    const better = ['Kudu', 'Kudu kudu', 'Kudu kudu kudu'].slice(0, page + 1);
    if (page < 3) await control.push(other.actor, named([...names.slice(1), ...better]));
  }
  const old = seen.filter((name) => names.includes(name));
  expect(old.slice().sort()).toEqual(names);
  expect((await find('kudu', { limit: 2 }, other.actor)).data.map(({ title }) => title)).toContain('Kudu kudu kudu');
});

test('workflows are found by their tags, and are alike by them', async () => {
  const other = await control.newTenant();
  const tagged = async (name: string, tags: string[]) => {
    const projectId = uuidv7();
    const made = treeOf(projectId, { s: step('trigger.manual') }, { name });
    for (const workflow of Object.values(made.workflows)) Object.assign(workflow, { name, tags });
    await control.push(other.actor, made);
    return { projectId, workflowId: Object.keys(made.workflows)[0] ?? '' };
  };
  const one = await tagged('Alpha', ['Großkunden', 'month end']);
  await tagged('Beta', ['month end']);
  await tagged('Gamma', []);
  const found = async (q: string) => (await find(q, {}, other.actor)).data.map(({ title, detail }) => [title, detail]);
  expect(await found('#grosskunden')).toEqual([]);
  expect(await found('#großkunden')).toEqual([['Alpha', '1 step #Großkunden #month end']]);
  expect((await found('month')).map(([title]) => title)).toEqual(['Alpha', 'Beta']);
  const { workflows } = await search.similar(one, other.actor);
  expect(workflows.map(({ name, shared }) => [name, shared])).toEqual([
    ['Beta', ['#month end', 'trigger.manual']],
    ['Gamma', ['trigger.manual']],
  ]);
});

test('names go on from what was typed, and other text suggests nothing', async () => {
  const suggest = async (q: string) => (await search.suggest({ q }, tenant.actor)).suggestions;
  expect(await suggest('ord')).toEqual([
    { text: 'Order intake', kind: 'workflow' },
    { text: 'When the order arrives', kind: 'step' },
  ]);
  expect(await suggest('order in')).toEqual([{ text: 'Order intake', kind: 'workflow' }]);
  expect(await suggest('example.com')).toEqual([]);
  expect(await suggest('')).toEqual([]);
});

test('workflows with much in common are alike, the nearest first', async () => {
  const other = await control.newTenant();
  const make = async (name: string, types: string[]) => {
    const projectId = uuidv7();
    const made = treeOf(projectId, Object.fromEntries(types.map((type, n) => [`s${n}`, step(type)])), { name });
    await control.push(other.actor, made);
    return { projectId, workflowId: Object.keys(made.workflows)[0] ?? '' };
  };
  const one = await make('Alpha', ['trigger.manual', 'http.request', 'mail.send']);
  const near = await make('Beta', ['trigger.manual', 'http.request', 'mail.send', 'flow.wait']);
  const far = await make('Gamma', ['trigger.manual', 'csv.parse']);
  await make('Delta', ['sqlite.query']);
  const { workflows } = await search.similar(one, other.actor);
  expect(workflows.map(({ workflowId }) => workflowId)).toEqual([near.workflowId, far.workflowId]);
  expect(workflows[0]).toMatchObject({
    name: 'Beta',
    shared: ['http.request', 'mail.send', 'trigger.manual'],
    likeness: 0.5,
  });
  await expect(search.similar({ ...one, workflowId: uuidv7() }, other.actor)).rejects.toMatchObject({
    code: 'workflow.not_found',
  });
  await expect(search.similar(one, tenant.actor)).rejects.toMatchObject({ code: 'project.not_found' });
});

test('nothing of another workspace is found, whatever is asked', async () => {
  const stranger = await control.newTenant();
  await control.push(
    stranger.actor,
    treeOf(stranger.projectId, { s: step('trigger.manual', {}, { name: 'Order of theirs' }) }),
  );
  expect((await find('order', {}, stranger.actor)).data.map(({ title }) => title)).toEqual(['Order of theirs']);
  expect((await find('order', { projectId: tenant.projectId }, stranger.actor)).data).toEqual([]);
  expect((await find('order')).data.map(({ title }) => title)).not.toContain('Order of theirs');
});

test('hostile questions find nothing and break nothing', async () => {
  const hostile = [
    '',
    ' ',
    '\0',
    "'",
    "';drop table search_entry;--",
    '\\',
    ':*',
    '& | !',
    '<->',
    '(((',
    '\u202e',
    '\ud800',
    '💥'.repeat(50),
    'a'.repeat(200),
    'ａ',
    'x:*A',
    '*'.repeat(200),
    '%',
    '_',
    '\n\n',
    '{{1}}',
    'ﬃ',
    '٣',
    '한국어',
    'a b c d e f g h i j k l m',
  ];
  for (const q of hostile) expect(Array.isArray((await find(q)).data), JSON.stringify(q)).toBe(true);
  expect(await titles('onerror')).toEqual(['<img src=x onerror=alert(1)>']);
});
