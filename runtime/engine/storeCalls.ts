import type { Json } from '#shared/json.ts';
import type { StepStore } from '../connectors/stepType.ts';
import type { CallSite } from './call.ts';

/** The project's key-values and tables, as a step may touch them. */
export function storeOf(site: CallSite): StepStore {
  const { store } = site.execution.ports;
  const write = <T extends Json>(kind: 'kv' | 'table', request: Json, act: (effectKey: string) => T) =>
    site.perform<T>(kind, request, 'keyed', act);
  const read = <T extends Json>(kind: 'kv' | 'table', request: Json, act: () => T) =>
    site.perform<T>(kind, request, 'idempotent', act);
  return {
    async kvGet(key) {
      const found = await read('kv', { op: 'get', key }, () => {
        const value = store.kvGet(key);
        return value === undefined ? [] : [value];
      });
      return found[0];
    },
    async kvSet(key, value, ttlMs) {
      await write('kv', { op: 'set', key, value, ttlMs: ttlMs ?? null }, (effectKey) => {
        store.kvSet(key, value, { effectKey, ttlMs });
        return true;
      });
    },
    tableInsert: (table, key, row) =>
      write('table', { op: 'insert', table, key, row }, (effectKey) =>
        store.tableInsert(table, key, row, { effectKey }),
      ),
    tableUpdate: (table, where, set) =>
      write('table', { op: 'update', table, where: where as Json, set }, (effectKey) =>
        store.tableUpdate(table, where, set, { effectKey }),
      ),
    tableDelete: (table, where) =>
      write('table', { op: 'delete', table, where: where as Json }, (effectKey) =>
        store.tableDelete(table, where, { effectKey }),
      ),
    tableQuery: (query) => read('table', { op: 'query', ...query } as unknown as Json, () => store.tableQuery(query)),
  };
}
