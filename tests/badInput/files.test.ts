import { copyFileSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { terminal } from './sluice.ts';

const GREET = `steps:
  start_5h2k: { name: Start, uses: trigger.manual }
  greet_c4r7:
    name: Greet
    uses: items.set
    config: { fields: { letters: =1 } }
edges:
  - start_5h2k -> greet_c4r7
`;

/** Every file of a project but what belongs to this computer. */
const filesOf = (dir: string) =>
  readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.parentPath.includes('.sluice'))
    .map((entry) => join(entry.parentPath, entry.name));

test.each([
  [
    'a bracket that is not closed',
    'config: { fields: { letters: =1 } }',
    'config: { fields: { letters: =1 }',
    /8:13 .*not closed by a }/,
  ],
  ['a tab', '    uses: items.set', '\tuses: items.set', /7:1 .*indented with spaces/],
  ['a quote that is not closed', 'name: Greet', 'name: "Greet', /6:11 .*not closed by a quote/],
])('broken YAML is told with its line, and the file is left as it is: %s', async (_what, whole, broken, why) => {
  const { sluice, project } = terminal();
  const { dir, file } = await project(GREET);
  expect(await sluice(['validate', dir])).toMatchObject({ code: 0 });

  const before = readFileSync(file, 'utf8').replace(whole, broken);
  writeFileSync(file, before);
  const others = filesOf(dir).map((path) => [path, readFileSync(path, 'utf8')]);
  const checked = await sluice(['validate', dir]);
  expect(checked.code).toBe(1);
  expect(checked.out).toMatch(/^workflows\/main\.yaml:\d+:\d+ {2}error {2}This is not valid YAML: /);
  expect(checked.out).toMatch(why);
  expect(checked.out).toContain('Nothing is written to this file until it can be read.');
  expect(filesOf(dir).map((path) => [path, readFileSync(path, 'utf8')])).toEqual(others);
});

test('no command goes on with a file that is broken, and none writes it', async () => {
  const { sluice, project } = terminal();
  const { dir, file } = await project(GREET);
  const whole = readFileSync(file, 'utf8');
  const broken = whole.replace('name: Greet', 'name: "Greet');
  writeFileSync(file, broken);
  const commands = [
    ['run', dir, 'main'],
    ['serve', dir, '--port', '0'],
    ['test', dir],
    ['logs', dir],
  ];
  const answers = await Promise.all(commands.map((command) => sluice(command)));
  for (const answer of answers) {
    expect(answer).toMatchObject({ code: 1, out: '' });
    expect(answer.err).toMatch(/^workflows\/main\.yaml:\d+: This is not valid YAML: .*\nCorrect the line\./);
  }
  const asJson = await sluice(['run', dir, 'main', '--json']);
  expect(JSON.parse(asJson.out)).toMatchObject({ error: { code: 'project.invalid', detail: expect.any(String) } });
  expect(readFileSync(file, 'utf8')).toBe(broken);
  writeFileSync(file, whole);
  expect(await sluice(['run', dir, 'main'])).toMatchObject({ code: 0, out: 'greet_c4r7  {"letters":1}\n' });
});

test('a step type that there is not is told with its line and the nearest one', async () => {
  const { sluice, project } = terminal();
  const { dir, file } = await project(GREET.replace('items.set', 'items.sett'));
  const checked = await sluice(['validate', dir]);
  expect(checked).toMatchObject({ code: 1 });
  expect(checked.out).toContain('main.yaml:7:11  error  There is no step type "items.sett". Did you mean "items.set"?');
  for (const args of [
    ['run', dir, 'main'],
    ['serve', dir, '--port', '0'],
  ]) {
    expect(await sluice(args)).toEqual({
      code: 1,
      out: '',
      err: 'workflows/main.yaml:7: There is no step type "items.sett".\nDid you mean "items.set"?\n',
    });
  }
  writeFileSync(file, readFileSync(file, 'utf8').replace('items.sett', 'items.set'));
  expect(await sluice(['run', dir, 'main'])).toMatchObject({ code: 0, out: 'greet_c4r7  {"letters":1}\n' });
});

const EXPRESSION = (expression: string) => `steps:
  start_5h2k: { name: Start, uses: trigger.manual }
  people_w8p3: { name: People, uses: items.set, config: { fields: { name: Sun, table: =1 } } }
  greet_c4r7:
    name: Greet
    uses: items.set
    config:
      fields:
        letters: ${expression}
edges:
  - start_5h2k -> people_w8p3
  - people_w8p3 -> greet_c4r7
`;

test('expressions that cannot be read are all told with their places, before anything runs', async () => {
  const { sluice, project } = terminal();
  const wrong: [string, string, RegExp][] = [
    ['=$json.name.lenght(', '11:37', /not complete/],
    ['=$jsn.name.length', '12:14', /There is no "\$jsn" in expressions\.\s+Did you mean \$json\?/],
    ["=require('fs')", '13:14', /There is no "require" in expressions/],
    ['=1 +* 2', '14:17', /was not expected here/],
  ];
  const more = wrong.slice(1).map(([text], index) => `        f${index}: ${text}\n`);
  const { dir } = await project(EXPRESSION(`${wrong[0]?.[0]}\n${more.join('')}`.trimEnd()));
  const { code, out } = await sluice(['validate', dir]);
  expect(code).toBe(1);
  for (const [, place, why] of wrong) {
    const told = out.split('\n').find((line) => line.startsWith(`workflows/main.yaml:${place} `));
    expect(told, `${place}\n${out}`).toMatch(why);
  }
  const run = await sluice(['run', dir, 'main']);
  expect(run).toMatchObject({ code: 1, out: '', err: expect.stringMatching(wrong[0]?.[2] ?? /^$/) });
});

test('an expression that fails on its data says at which character, and the fields that there are', async () => {
  const { sluice, project } = terminal();
  const { dir, file } = await project(EXPRESSION('=$json.nmae.length'));
  const run = await sluice(['run', dir, 'main']);
  expect(run).toMatchObject({ code: 1, out: '' });
  expect(run.err).toContain(
    [
      'greet_c4r7: fields.letters: Cannot read "length": $json.nmae is not there. $json has name, table. (character 13 of the expression)',
      'Did you mean name? Write $json.nmae?. if it may be missing.',
    ].join('\n'),
  );
  const { error } = JSON.parse((await sluice(['run', dir, 'main', '--json'])).out);
  expect(error).toMatchObject({
    code: 'expression.failed',
    stepId: 'greet_c4r7',
    details: { line: 1, column: 13, missing: 'nmae', fields: ['name', 'table'], nearest: 'name' },
  });
  writeFileSync(file, readFileSync(file, 'utf8').replace('nmae', 'name'));
  expect(await sluice(['run', dir, 'main'])).toMatchObject({ code: 0, out: expect.stringContaining('"letters":3') });
});

test('a cycle without an end stops at the limit, and one with an end runs', async () => {
  const { sluice, project } = terminal();
  const body = `steps:
  start_5h2k: { name: Start, uses: trigger.manual }
  count_w8p3: { name: Count, uses: items.set, config: { fields: { n: "=($json.n ?? 0) + 1" } } }
  more_c4r7: { name: More, uses: flow.filter, config: { when: =$json.n < 50 } }
edges:
  - start_5h2k -> count_w8p3
  - count_w8p3 -> more_c4r7
  - more_c4r7 -> count_w8p3
`;
  const { dir, file } = await project(body);
  const good = JSON.parse((await sluice(['run', dir, 'main', '--json'])).out);
  expect(good).toMatchObject({ status: 'succeeded' });
  // Nothing is recorded: writing down two times 100,000 steps takes most of a minute, and the limit is the same.
  const endless = readFileSync(file, 'utf8').replace('=$json.n < 50', '=$json.n > 0');
  writeFileSync(file, endless.replace('steps:', 'settings: { durability: none }\nsteps:'));
  const bad = await sluice(['run', dir, 'main', '--json']);
  expect(bad.code).toBe(1);
  expect(JSON.parse(bad.out)).toMatchObject({
    status: 'failed',
    error: {
      code: 'limit.exceeded',
      message: expect.stringMatching(/^Step (count_w8p3|more_c4r7) reached the limit of \d+ runs of one step\.$/),
      detail: expect.stringContaining('cycle without an end'),
    },
  });
});

/** Of these the same is asked with --json. */
const WITH_JSON = new Set(['serve', 'valdate']);

test('what a command line is given and cannot use is told in words, exit code 2, as one document with --json', async () => {
  const { sluice, project } = terminal();
  const { dir } = await project(GREET);
  copyFileSync(join(dir, 'sluice.yaml'), join(dir, 'not.json'));
  const wrong: [string[], RegExp][] = [
    [['run', dir, 'main', '--input', 'nowhere.json'], /nowhere\.json cannot be read: there is no such file\./],
    [['run', dir, 'main', '--input', join(dir, 'not.json')], /not\.json is not JSON/],
    [['run', dir, 'main', '--connections', 'nowhere.json'], /nowhere\.json cannot be read/],
    [['run', dir], /missing required argument 'workflow'/],
    [['valdate', dir], /unknown command 'valdate'.*Did you mean validate/s],
    [['serve', dir, '--port', 'http'], /"http" is not a port\./],
    [['serve', dir, '--port', '0', '--host', '192.0.2.1'], /this computer does not have that address/],
    [['runs', dir, '--limit', 'all'], /"all" is not a number of runs\./],
    [['cloud', '--port', 'http'], /"http" is not a port\./],
  ];
  await Promise.all(
    wrong.map(async ([args, why]) => {
      const told = await sluice(args);
      expect(told).toMatchObject({ code: 2, out: '', err: expect.stringMatching(why) });
      if (!WITH_JSON.has(args[0] ?? '')) return;
      const asJson = await sluice([...args, '--json']);
      expect(asJson.code).toBe(2);
      expect(JSON.parse(asJson.out)).toMatchObject({
        error: { code: 'request.invalid', message: expect.stringMatching(why), detail: expect.any(String) },
      });
    }),
  );
  expect(await sluice(['run', dir, 'main'])).toMatchObject({ code: 0 });
});
