import { expect, test } from 'vitest';
import type { ProjectState } from '#shared/contract/host/projects.ts';
import { diffTrees } from '#shared/merge/ops.ts';
import { applyEdit, type Edit } from '#shared/workflow/edit.ts';
import type { Tree } from '#shared/workflow/tree.ts';
import {
  addChange,
  confirm,
  type Document,
  markSent,
  openDocument,
  type ProjectChanged,
  receive,
  refuse,
} from './document.ts';
import { projectId, twoStepTree, workflowId } from './twoSteps.fixture.ts';

const tree: Tree = twoStepTree();
const opened: ProjectState = {
  info: {
    id: projectId,
    name: 'P',
    dir: '/p',
    workflowCount: 1,
    trusted: true,
    sync: { state: 'local_only', pending: 0 },
    openedAt: '2026-11-20T07:00:00Z',
  },
  revision: 10,
  tree,
  problems: [],
  unreadable: [],
};
const renameStep = (stepId: string, name: string): Edit => ({ type: 'renameStep', workflowId, stepId, name });
const edits = (...list: Edit[]) => ({ kind: 'edits' as const, edits: list });
const changed = (before: Tree, after: Tree, revision: number): ProjectChanged => ({
  type: 'project.changed',
  projectId,
  revision,
  origin: 'canvas',
  ops: diffTrees(before, after).ops,
  problems: [],
  unreadable: [],
});
const ready = (doc: Document | 'reload'): Document => {
  if (doc === 'reload') throw new Error('a reload was asked for');
  return doc;
};
const nameOf = (doc: Document, stepId: string) => doc.tree.workflows[workflowId]?.steps[stepId]?.name;

test('several changes of the host are taken together as one after the other', () => {
  const first = applyEdit(tree, renameStep('a_0000', 'A1'));
  const second = applyEdit(first, renameStep('b_0000', 'B1'));
  const events = [changed(tree, first, 11), changed(first, second, 12)];
  const doc = openDocument(opened);
  const together = ready(receive(doc, ...events));
  expect(together).toEqual(events.reduce((before, event) => ready(receive(before, event)), doc));
  expect([nameOf(together, 'a_0000'), nameOf(together, 'b_0000'), together.base.revision]).toEqual(['A1', 'B1', 12]);
  expect(receive(doc, ...events.slice(1))).toBe('reload');
});

test('an edit is drawn at once, and stays drawn when its echo comes before the answer', () => {
  const edit = renameStep('a_0000', 'A1');
  let doc = addChange(openDocument(opened), 1, edits(edit));
  expect(nameOf(doc, 'a_0000')).toBe('A1');
  doc = markSent(doc, [1]);
  doc = ready(receive(doc, changed(tree, applyEdit(tree, edit), 11)));
  expect(nameOf(doc, 'a_0000')).toBe('A1');
  doc = ready(confirm(doc, [1], 11));
  expect(nameOf(doc, 'a_0000')).toBe('A1');
  expect(doc.pending).toEqual([]);
  expect(doc.base.revision).toBe(11);
});

test('an edit is drawn when the answer comes before its echo', () => {
  const edit = renameStep('a_0000', 'A1');
  let doc = markSent(addChange(openDocument(opened), 1, edits(edit)), [1]);
  doc = ready(confirm(doc, [1], 11));
  expect(nameOf(doc, 'a_0000')).toBe('A1');
  doc = ready(receive(doc, changed(tree, applyEdit(tree, edit), 11)));
  expect(doc.pending).toEqual([]);
  expect(nameOf(doc, 'a_0000')).toBe('A1');
});

test('a change of somebody else is drawn below what waits here', () => {
  const mine = renameStep('a_0000', 'mine');
  const theirs = applyEdit(tree, renameStep('b_0000', 'theirs'));
  const doc = ready(receive(addChange(openDocument(opened), 1, edits(mine)), changed(tree, theirs, 11)));
  expect([nameOf(doc, 'a_0000'), nameOf(doc, 'b_0000')]).toEqual(['mine', 'theirs']);
  expect(doc.pending).toHaveLength(1);
});

test('only the step that changed becomes a new object', () => {
  const theirs = applyEdit(tree, renameStep('b_0000', 'theirs'));
  const before = openDocument(opened);
  const doc = ready(receive(before, changed(tree, theirs, 11)));
  const steps = (one: Document) => one.tree.workflows[workflowId]?.steps;
  expect(steps(doc)?.a_0000).toBe(steps(before)?.a_0000);
  expect(steps(doc)?.b_0000).not.toBe(steps(before)?.b_0000);
});

test('a refused change is taken out and the rest stays', () => {
  let doc = addChange(openDocument(opened), 1, edits(renameStep('a_0000', 'no')));
  doc = addChange(doc, 2, edits(renameStep('b_0000', 'yes')));
  doc = ready(refuse(doc, [1]));
  expect([nameOf(doc, 'a_0000'), nameOf(doc, 'b_0000')]).toEqual(['A', 'yes']);
});

test('a missed event asks for the whole project again', () => {
  const later = applyEdit(tree, renameStep('a_0000', 'later'));
  expect(receive(openDocument(opened), changed(tree, later, 12))).toBe('reload');
});

test('an event that was seen before changes nothing but the problems', () => {
  const doc = openDocument(opened);
  const again = ready(receive(doc, { ...changed(tree, tree, 10), problems: [] }));
  expect(again.tree).toBe(doc.tree);
  expect(again.base).toBe(doc.base);
});
