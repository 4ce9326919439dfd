import type { ProjectInfo } from '#shared/contract/host/common.ts';
import type { ProjectState } from '#shared/contract/host/projects.ts';
import type { HostEvent } from '#shared/contract/hostApi.ts';
import { applyOps, type Op } from '#shared/merge/ops.ts';
import { applyEdit, type Edit } from '#shared/workflow/edit.ts';
import type { Problem } from '#shared/workflow/problem.ts';
import type { Tree } from '#shared/workflow/tree.ts';

/** What the editor asks the host to keep: edits as they were made, or operations, as undo makes them. */
export type Change = { kind: 'edits'; edits: Edit[] } | { kind: 'ops'; ops: Op[] };
/** A change that is drawn and not yet seen back from the host. */
export type Pending = { id: number; change: Change; sent: boolean; revision?: number };
export type ProjectChanged = Extract<HostEvent, { type: 'project.changed' }>;

/** A project as it is drawn: what the host confirmed, with what it has not confirmed yet on top. */
export type Document = {
  info: ProjectInfo;
  /** As the host has it. */
  base: { tree: Tree; revision: number };
  pending: Pending[];
  /** Events that came while an answer was outstanding; they may be our own change. */
  held: ProjectChanged[];
  /** What is drawn. */
  tree: Tree;
  problems: Problem[];
  unreadable: ProjectState['unreadable'];
  /** Files that vanished and wait for a word. */
  deletion: ProjectState['deletion'];
  /** Whether the host has something to undo or redo, also from before this window opened. */
  canUndo: boolean;
  canRedo: boolean;
};

export function openDocument(state: ProjectState): Document {
  return {
    info: state.info,
    base: { tree: state.tree, revision: state.revision },
    pending: [],
    held: [],
    tree: state.tree,
    problems: state.problems,
    unreadable: state.unreadable,
    deletion: state.deletion,
    canUndo: state.canUndo ?? false,
    canRedo: state.canRedo ?? false,
  };
}

/** The tree after a change. @throws SluiceError edit.invalid where it does not fit */
export function applyChange(tree: Tree, change: Change): Tree {
  if (change.kind === 'ops') return applyOps(tree, change.ops);
  return change.edits.reduce(applyEdit, tree);
}

/** Draws a change at once. @throws SluiceError edit.invalid; nothing is changed then */
export function addChange(doc: Document, id: number, change: Change): Document {
  return { ...doc, tree: applyChange(doc.tree, change), pending: [...doc.pending, { id, change, sent: false }] };
}

/** The save loop took these up; from now on their echo may come. */
export function markSent(doc: Document, ids: number[]): Document {
  return { ...doc, pending: doc.pending.map((entry) => (ids.includes(entry.id) ? { ...entry, sent: true } : entry)) };
}

/** The host keeps these. They leave the pending list once its event for that revision has come. */
export function confirm(doc: Document, ids: number[], revision: number): Document | 'reload' {
  const pending = doc.pending.map((entry) => (ids.includes(entry.id) ? { ...entry, revision } : entry));
  return replay(doc, { ...doc, pending });
}

/** The host refused these: they are taken out again, and what came after them stays where it still fits. */
export function refuse(doc: Document, ids: number[]): Document | 'reload' {
  return replay(doc, { ...doc, pending: doc.pending.filter((entry) => !ids.includes(entry.id)) });
}

/** Changes of the host's tree, in order. `reload` when one before them was missed. */
export function receive(doc: Document, ...events: ProjectChanged[]): Document | 'reload' {
  return replay(doc, { ...doc, held: [...doc.held, ...events] });
}

/** Takes the events that can be taken; the drawing stays the same object where nothing below it moved. */
function replay(before: Document, doc: Document): Document | 'reload' {
  let { base, held } = doc;
  let problems = doc.problems;
  let { unreadable, canUndo, canRedo } = doc;
  const waitsForAnswer = doc.pending.some((entry) => entry.sent && entry.revision === undefined);
  const known = Math.max(base.revision, ...doc.pending.map((entry) => entry.revision ?? 0));
  const later: ProjectChanged[] = [];
  for (const event of held) {
    if (event.revision < base.revision) continue;
    if (event.revision > base.revision && waitsForAnswer && event.revision > known) {
      later.push(event);
      continue;
    }
    if (event.revision > base.revision + 1) return 'reload';
    if (event.revision === base.revision + 1) base = { tree: applyOps(base.tree, event.ops), revision: event.revision };
    problems = event.problems;
    unreadable = event.unreadable;
    canUndo = event.canUndo ?? canUndo;
    canRedo = event.canRedo ?? canRedo;
  }
  held = later;
  const pending = doc.pending.filter((entry) => entry.revision === undefined || entry.revision > base.revision);
  const unchanged = base === before.base && pending.length === before.pending.length;
  const tree = unchanged ? doc.tree : redraw(base.tree, pending);
  return { ...doc, base, held, pending, problems, unreadable, canUndo, canRedo, tree };
}

/** What does not fit any more is left out of the drawing; the host says so when it is asked to keep it. */
function redraw(tree: Tree, pending: Pending[]): Tree {
  return pending.reduce((drawn, { change }) => {
    try {
      return applyChange(drawn, change);
    } catch {
      return drawn;
    }
  }, tree);
}
