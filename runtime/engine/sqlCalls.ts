import { SluiceError } from '#shared/error.ts';
import { isJsonObject, type Json } from '#shared/json.ts';
import type { StepSql } from '../connectors/stepType.ts';
import { boundConnection } from './boundConnection.ts';
import type { CallSite } from './call.ts';
import { roughBytes } from './payload.ts';
import { redactSecrets } from './ports/redact.ts';
import type { SqlResult } from './ports/sql.ts';

/** Results above this are kept as a blob: the journal holds its name, a tape carries it along. */
const INLINE_BYTES = 1024 * 1024;

/** What a step may ask of databases. Each request is one effect of the step's own class. */
export function sqlOf(site: CallSite): StepSql {
  const { execution, job, attempt } = site;
  const { stepId } = job.run;
  const { step } = job.planned;
  return {
    async run(request) {
      const { sql, blobs } = execution.ports;
      if (!sql) {
        throw new SluiceError('host.not_supported', 'There are no databases here.', {
          advice: 'Run the workflow on the desktop, with sluice serve, or hosted.',
        });
      }
      const { connection: name } = step;
      const shown = redactSecrets(
        { ...request, ...(request.file === undefined ? { connection: name ?? null } : {}) } as unknown as Json,
        execution.secrets,
      );
      const given = await site.perform<Json>('sql', shown, site.effect, async (effectKey): Promise<Json> => {
        const connection =
          request.file !== undefined || name === undefined ? undefined : boundConnection(execution, name, stepId);
        const results = await sql.run(request, { stepId, connection, effectKey, signal: attempt.signal });
        const clean = redactSecrets(results as unknown as Json, execution.secrets);
        if (roughBytes(clean, INLINE_BYTES) <= INLINE_BYTES) return { results: clean };
        const bytes = new TextEncoder().encode(JSON.stringify(clean));
        return { blob: await blobs.put(bytes), bytes: bytes.length };
      });
      if (isJsonObject(given) && typeof given.blob === 'string') {
        return JSON.parse(new TextDecoder().decode(await blobs.get(given.blob))) as SqlResult[];
      }
      return resultsOf(given, request.statements.length);
    },
  };
}

/** What a person or a saved case said came of it may be less than a database gives. */
export function resultsOf(given: Json, count: number): SqlResult[] {
  const listed = isJsonObject(given) && Array.isArray(given.results) ? given.results : [given];
  return Array.from({ length: count }, (_, index) => {
    const one = listed[index];
    const rows = isJsonObject(one) && Array.isArray(one.rows) ? one.rows.filter(isJsonObject) : [];
    const changed = isJsonObject(one) && typeof one.changed === 'number' ? one.changed : rows.length;
    return { rows, changed };
  });
}
