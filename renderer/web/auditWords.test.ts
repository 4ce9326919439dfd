import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { isErrorCode } from '#shared/error.ts';
import { auditWords } from './auditWords.ts';

const cloud = join(import.meta.dirname, '../../cloud');

/** What files that write to the audit log say in the form of an action, but for codes of errors and names of routes. */
function auditedActions(): string[] {
  const found = new Set<string>();
  for (const path of globSync('**/*.ts', { cwd: cloud, exclude: ['platform/generated/**'] })) {
    const text = path.endsWith('.test.ts') ? '' : readFileSync(join(cloud, path), 'utf8');
    if (!/\brecordAudit\(/.test(text)) continue;
    for (const { 1: before, 2: action = '' } of text.matchAll(
      /(\bname: |recordAccountEvent\(.*)?'([a-z]+\.[a-z_]+)'/g,
    )) {
      if (before === undefined && !isErrorCode(action)) found.add(action);
    }
  }
  return [...found].sort();
}

test('every action that the control plane audits has words', () => {
  const actions = auditedActions();
  // A reader that found nothing would find nothing missing either.
  expect(actions).toEqual(expect.arrayContaining(['data.purge', 'deployment.rollback', 'member.invite_again']));
  expect(actions.length).toBeGreaterThan(40);
  expect(actions.filter((action) => auditWords(action) === undefined)).toEqual([]);
});

test('an action of a newer control plane has none, and neither has what every object knows', () => {
  expect([auditWords('member.praise'), auditWords('constructor')]).toEqual([undefined, undefined]);
});
