import { expect, test } from 'vitest';
import { EXAMPLE_CATALOG } from '../../workflow/example.fixture.ts';
import { projectFiles, writeProject } from '../../workflow/files.ts';
import { readProject } from '../../workflow/readProject.ts';
import type { Tree } from '../../workflow/tree.ts';
import { type Conflict, conflictRecord } from '../conflict.ts';
import { mergeProjectFile } from '../mergeProjectFile.ts';
import { lostChanges } from './lostChanges.fixture.ts';
import { MAIN, projectOf } from './project.fixture.ts';
import { type Random, randomOf } from './random.fixture.ts';
import { randomEdit } from './randomEdit.fixture.ts';

const SEED = 1;
const ROUNDS = 40;
const PATH = 'workflows/main.yaml';
const base = projectOf(16);
const fresh = writeProject(base, { catalog: EXAMPLE_CATALOG });
const manifest = fresh['sluice.yaml'] as string;

/** The workflow's file with a comment behind every third line. */
const commented = (fresh[PATH] as string)
  .split('\n')
  .map((line, i) => (i % 3 === 0 && /^ *[\w-]+:/.test(line) && !/[|>]-?$/.test(line) ? `${line} # note ${i}` : line))
  .join('\n');
const filesOf = (text: string) => ({ 'sluice.yaml': manifest, [PATH]: text });
const commentsOf = (text: string) => new Set(text.match(/# note \d+/g) ?? []);

function treeOf(text: string): Tree {
  const { tree } = readProject(filesOf(text), EXAMPLE_CATALOG);
  return tree ?? expect.fail('The file cannot be read.');
}

/** The file after some edits on the canvas. */
function edited(random: Random, unique: () => number): string {
  let tree = base;
  for (let left = 1 + random.below(8); left > 0; left--) tree = randomEdit(tree, random, unique);
  const main = { ...tree.workflows[MAIN], slug: 'main' } as Tree['workflows'][string];
  const only = { ...base, workflows: { [MAIN]: main }, scripts: {}, machines: {}, environments: {}, connections: {} };
  return projectFiles({ ...only, pins: {} }, filesOf(commented), { catalog: EXAMPLE_CATALOG })[PATH] ?? commented;
}

/** With the names that the merge itself has for the two sides. */
const asInMerge = ({ ours, theirs, ...rest }: Conflict): Conflict => ({
  ...rest,
  ...(theirs === undefined ? {} : { ours: theirs }),
  ...(ours === undefined ? {} : { theirs: ours }),
});

test('two branches of a file lose no change and no comment that both have', { timeout: 300_000 }, () => {
  let changes = 0;
  let comments = 0;
  const faults: string[] = [];
  for (let seed = SEED; seed < SEED + ROUNDS; seed++) {
    let made = 0;
    const random = randomOf(seed);
    const unique = () => ++made;
    const [ours, theirs] = [edited(random, unique), edited(random, unique)];
    const { text, conflicts } = mergeProjectFile(
      { path: PATH, manifest, base: commented, ours, theirs },
      EXAMPLE_CATALOG,
    );
    const records = conflicts.map((one) => conflictRecord(asInMerge(one), MAIN, {}));
    const sides = { base: treeOf(commented), theirs: treeOf(ours), ours: treeOf(theirs), merged: treeOf(text) };
    const { intents, lost } = lostChanges({ where: 'device', rebased: true, ...sides, records });
    changes += intents;
    const there = commentsOf(text);
    const both = [...commentsOf(ours)].filter((one) => commentsOf(theirs).has(one));
    comments += both.length;
    for (const fault of [...lost, ...both.filter((one) => !there.has(one))]) faults.push(`seed ${seed}: ${fault}`);
  }
  console.info(`file merge: N = ${ROUNDS} rounds, seeds from ${SEED}: ${changes} changed leaves, ${comments} comments`);
  expect(faults).toEqual([]);
  expect(Math.min(changes, comments)).toBeGreaterThan(ROUNDS);
});
