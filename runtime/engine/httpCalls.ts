import type { Json } from '#shared/json.ts';
import type { HttpReply, StepHttp } from '../connectors/stepType.ts';
import { boundConnection } from './boundConnection.ts';
import type { CallSite } from './call.ts';
import { redactRequest, redactSecrets } from './ports/redact.ts';

/** Requests that a step may send. Secrets stay out of what the journal keeps of them, and out of answers. */
export function httpOf(site: CallSite): StepHttp {
  const { execution, job, attempt } = site;
  const { type, step } = job.planned;
  const { stepId } = job.run;
  const hasSecrets = Object.keys(execution.secrets).length > 0;
  return {
    send(request) {
      const connection =
        step.connection === undefined ? undefined : boundConnection(execution, step.connection, stepId);
      const shown = redactRequest(request, execution.secrets);
      return site.perform('http', shown, site.effect, async (idempotencyKey) => {
        const options = {
          stepId,
          connection,
          hosts: type.connector?.hosts,
          signal: attempt.signal,
          idempotencyKey,
        };
        const reply = (await execution.ports.http.send(request, options)) as unknown as Json;
        // A service may send back what it was sent: a secret never becomes data.
        return hasSecrets ? redactSecrets(reply, execution.secrets) : reply;
      }) as unknown as Promise<HttpReply>;
    },
  };
}
