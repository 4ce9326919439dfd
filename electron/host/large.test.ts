import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { v7 as uuid } from 'uuid';
import { expect, test } from 'vitest';
import { open } from './openProject.fixture.ts';

const STEPS = 500;

/** A workflow that a person wrote: comments, quotes of both kinds, blank lines and `CRLF`. */
function handWritten(): string {
  const steps = Array.from({ length: STEPS }, (_, i) => [
    ...(i % 7 === 0 ? ['', `  # part ${i / 7}`] : []),
    `  s_${i}:   # step ${i}`,
    '    uses: items.set',
    `    name:  'Step ${i}'`,
    '    config:',
    `      fields: { a: ${i}, "b": 'x  ${i}' } # as it came`,
    ...(i % 3 === 0 ? ['    notes: |', '      two', '      lines'] : []),
  ]);
  const edges = Array.from({ length: STEPS - 1 }, (_, i) => `  - s_${i} -> s_${i + 1}`);
  const text = [`id: ${uuid()}`, 'name: Triage # the one', 'steps:', ...steps.flat(), '', 'edges:', ...edges, ''];
  return text.join('\r\n');
}

test('in a file of 500 steps that a person wrote, one setting is one line; outside and canvas both stay', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'sluice-large-'));
  mkdirSync(join(dir, 'workflows'));
  writeFileSync(join(dir, 'sluice.yaml'), `id: ${uuid()}\nname: Large\nformat: 1\n`);
  const file = join(dir, 'workflows/triage.yaml');
  const before = handWritten();
  writeFileSync(file, before);
  const { project, events, set, step } = await open(dir);
  expect(project.unreadable()).toEqual([]);

  project.edit([set('s_250', ['fields', 'a'], 9_999)]);
  await project.flush();
  const after = readFileSync(file, 'utf8');
  const [old, now] = [before.split('\n'), after.split('\n')];
  const changed = now.filter((line, i) => line !== old[i]);
  expect([now.length, changed]).toEqual([old.length, [`      fields: { a: 9999, "b": 'x  250' } # as it came\r`]]);
  // Our own write comes back as no change: neither an event nor a revision.
  await sleep(600);
  expect([events.length, project.revision()]).toEqual([1, 1]);

  project.edit([set('s_10', ['fields', 'a'], 7_777)]);
  const mine = after.replace("'Step 20'", "'By hand'").replace(/\r\n {2}s_499:[\s\S]*?(?=\r\n\r\n?edges:)/, '');
  writeFileSync(file, mine.replace('  - s_498 -> s_499\r\n', ''));
  await project.rescan();
  await project.flush();
  expect([step('s_20')?.name, step('s_10')?.config.fields, step('s_499')]).toEqual([
    'By hand',
    { a: 7_777, b: 'x  10' },
    undefined,
  ]);
  expect([project.history.list(1)[0]?.origin, project.conflicts.list('all'), project.unreadable()]).toEqual([
    'file',
    [],
    [],
  ]);
  expect(readFileSync(file, 'utf8')).toContain('{ a: 7777,');
  project.undo();
  expect([step('s_20')?.name, step('s_499')?.name, step('s_10')?.config.fields]).toEqual([
    'Step 20',
    'Step 499',
    { a: 7_777, b: 'x  10' },
  ]);
});
