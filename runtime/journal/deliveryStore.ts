import type { StatementSync } from 'node:sqlite';

/** What was delivered to a hook, so that the same thing starts one run; a schedule delivers its times. */
export function createDeliveryStore(prepared: (text: string) => StatementSync) {
  return {
    /** The run that a delivery started, if it came before. */
    delivered(hook: string, deliveryId: string): string | undefined {
      const row = prepared('SELECT run_id FROM deliveries WHERE hook = ? AND delivery_id = ?').get(hook, deliveryId);
      return row === undefined ? undefined : String(row.run_id);
    },
    /** The greatest delivery id of a hook; a schedule's are times. */
    lastDelivery(hook: string): string | undefined {
      const row = prepared('SELECT MAX(delivery_id) AS last FROM deliveries WHERE hook = ?').get(hook);
      return typeof row?.last === 'string' ? row.last : undefined;
    },
    recordDelivery(hook: string, deliveryId: string, runId: string): void {
      prepared('INSERT INTO deliveries (hook, delivery_id, run_id) VALUES (?, ?, ?)').run(hook, deliveryId, runId);
    },
  };
}
