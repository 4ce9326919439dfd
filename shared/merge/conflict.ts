import { z } from 'zod';
import { Json } from '../json.ts';
import { derivedId } from '../workflow/hash.ts';
import { TreePath } from './ops.ts';

/**
 * What can meet in a merge (sync.md 2):
 * - `value`: both changed one place, to different values. The server's stands.
 * - `text`: both changed the same lines of a script. The server's lines stand, all other changes of both are in.
 * - `delete_vs_edit`: one took away what the other changed. It is kept, as it was changed.
 * - `delete_vs_reference`: one took a step away that the other drew an edge to or named in an expression. It is kept.
 * - `layout_of_deleted`: one took away what the other only moved. It stays away.
 * - `layout`: both moved one step. The server's place stands.
 * - `add_add_renamed`: both added a step under one id, of different types. Ours has another id now.
 * - `cycle`: an arrow of ours and one of theirs close a circle that neither side had. Both stand.
 */
export const ConflictKind = z.enum([
  'value',
  'text',
  'delete_vs_edit',
  'delete_vs_reference',
  'layout_of_deleted',
  'layout',
  'add_add_renamed',
  'cycle',
]);
export type ConflictKind = z.infer<typeof ConflictKind>;

const INFO: ReadonlySet<ConflictKind> = new Set(['layout_of_deleted', 'layout', 'add_add_renamed']);

/** Whether publishing waits until somebody has decided; the others are told only. Saving never waits. */
export const needsPerson = (kind: ConflictKind): boolean => !INFO.has(kind);

/** One place where a merge could not keep both answers in the tree. All answers are in here; an absent one is "nothing". */
export const Conflict = z.strictObject({
  path: TreePath,
  kind: ConflictKind,
  base: Json.optional(),
  theirs: Json.optional(),
  ours: Json.optional(),
  /** Whose answer stands in the merged tree. */
  chosen: z.enum(['theirs', 'ours', 'both']),
  /** The id that our step has now (`add_add_renamed`). */
  renamedTo: z.string().optional(),
});
export type Conflict = z.infer<typeof Conflict>;

/** What was decided: the server's answer stands, that of the commit does, or something else that a person wrote. */
export const ConflictChoice = z.enum(['theirs', 'ours', 'edit']);
export type ConflictChoice = z.infer<typeof ConflictChoice>;

/** A conflict as it is kept until somebody decides: which commit brought it, and whose answers these are. */
export const ConflictRecord = Conflict.extend({
  id: z.uuid(),
  commitId: z.uuid(),
  who: z.strictObject({ theirs: z.string().optional(), ours: z.string().optional() }),
});
export type ConflictRecord = z.infer<typeof ConflictRecord>;

/**
 * A conflict as it is kept. Its id follows from commit, kind and place, so a commit that comes twice brings no record twice.
 *
 * @param commitId the commit that carries the merge
 */
export function conflictRecord(conflict: Conflict, commitId: string, who: ConflictRecord['who']): ConflictRecord {
  return { ...conflict, id: derivedId(commitId, JSON.stringify([conflict.kind, ...conflict.path])), commitId, who };
}
