import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openShell } from '../sync/shell.ts';

const page = readFileSync(join(import.meta.dirname, '../../docs/git.md'), 'utf8');
const blocks = [...page.matchAll(/^```(\S+) ?(\S*)\n(.*?)^```$/gms)].map(([, language, name, text = '']) => ({
  language,
  name,
  text,
}));
const script = (name: string) =>
  blocks.find((block) => block.name === name)?.text ?? expect.fail(`There is no ${name}.`);

test('the page’s commands do what it says, one after the other', { timeout: 300_000 }, async () => {
  expect(blocks.filter(({ language }) => language === 'sh').map(({ name }) => name)).toEqual([
    ...['setup', 'attributes', 'begin', 'branches', 'clash', 'decide'],
  ]);
  const { home, sh } = openShell();
  const party = join(home, 'party');
  const hello = () => readFileSync(join(party, 'workflows/hello.yaml'), 'utf8');

  expect(await sh(`${script('setup')}${script('begin')}`)).toMatchObject({ code: 0 });
  expect(await sh(script('attributes'), party)).toMatchObject({ code: 0 });
  expect(
    (
      await sh(
        'git check-attr merge -- workflows/hello.yaml scripts/a.ts scripts/b/c.ts environments/local.yaml connections.yaml README.md',
        party,
      )
    ).out.match(/: sluice$/gm),
  ).toHaveLength(5);

  expect(await sh(script('branches'), party)).toMatchObject({ code: 0, err: '' });
  expect(hello()).toContain('greeting: "{{ $env.word }} and welcome, {{ $json.name }}!');
  expect(hello()).toContain('letters: =$json.name.trim().length');
  expect(hello()).toContain('# A text with {{ }} is a template.');
  const alone = await sh(
    `git -c merge.sluice.driver=false switch --quiet --detach main^1
     git -c 'merge.sluice.driver=git merge-file %A %O %B' merge --no-edit letters; git merge --abort`,
    party,
  );
  expect(alone.out).toContain('CONFLICT (content)');
  await sh('git merge --abort; git switch --quiet main', party);

  const clash = await sh(script('clash'), party);
  expect(clash).toMatchObject({ code: 1, out: expect.stringContaining('CONFLICT (content)') });
  const said = blocks.find(({ language }) => language === 'text')?.text;
  expect(clash.err.replace(/conflicts\/[0-9a-f-]{36}\.json/, 'conflicts/….json')).toBe(said);
  expect(hello()).toContain('letters: =$json.name.trimStart().length');
  expect(hello()).not.toMatch(/^[<>=]{7}/m);

  expect(await sh(script('decide'), party)).toMatchObject({ code: 0 });
  expect((await sh('git log --oneline --merges', party)).out.trim().split('\n')).toHaveLength(2);
  expect((await sh('git status --short', party)).out).not.toContain('.sluice');
});
