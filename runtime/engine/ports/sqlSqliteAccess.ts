import { constants } from 'node:sqlite';
import { EFFECTS } from './sqlSqliteEffects.ts';

const READS = new Set<number>([constants.SQLITE_SELECT, constants.SQLITE_READ, constants.SQLITE_FUNCTION]);
const WRITES = new Set<number>([
  constants.SQLITE_INSERT,
  constants.SQLITE_UPDATE,
  constants.SQLITE_DELETE,
  constants.SQLITE_CREATE_TABLE,
  constants.SQLITE_CREATE_INDEX,
  constants.SQLITE_CREATE_VIEW,
  constants.SQLITE_DROP_TABLE,
  constants.SQLITE_DROP_INDEX,
  constants.SQLITE_DROP_VIEW,
  constants.SQLITE_ALTER_TABLE,
  constants.SQLITE_REINDEX,
]);
const LOOKS = new Set(['table_info', 'table_xinfo', 'table_list', 'index_list', 'index_info', 'foreign_key_list']);

/**
 * Whether SQLite may do what a statement compiles to. The arguments are those of its authorizer: what `first` and `second`
 * name depends on the action.
 */
export function mayDo(
  access: 'read' | 'write',
  action: number,
  first: string | null,
  second: string | null,
  mayRecurse: boolean,
): boolean {
  if (action === constants.SQLITE_RECURSIVE) return mayRecurse;
  if (action === constants.SQLITE_PRAGMA) return LOOKS.has(first ?? '');
  if (action === constants.SQLITE_FUNCTION) return second !== 'load_extension';
  if (READS.has(action)) return true;
  return access === 'write' && WRITES.has(action) && first !== EFFECTS && second !== EFFECTS;
}

/** What a statement was denied, as the rest of a sentence about it. */
export function wordFor(action: number, first: string | null): string {
  if (first === EFFECTS) return `to change the table ${EFFECTS}`;
  switch (action) {
    case constants.SQLITE_RECURSIVE:
      return 'a recursive query';
    case constants.SQLITE_PRAGMA:
      return `PRAGMA ${first ?? ''}`;
    case constants.SQLITE_ATTACH:
    case constants.SQLITE_DETACH:
      return 'to reach another file';
    case constants.SQLITE_TRANSACTION:
    case constants.SQLITE_SAVEPOINT:
      return 'to begin or end a transaction';
    default:
      return WRITES.has(action) ? 'to change something' : 'a statement of this kind';
  }
}
