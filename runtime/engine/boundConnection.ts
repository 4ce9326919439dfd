import { SluiceError } from '#shared/error.ts';
import type { Execution } from './attempt.ts';

/** What a name of a connection stands for in the run's environment. @throws SluiceError connection.not_bound, plan.limit_exceeded */
export function boundConnection(execution: Execution, name: string, stepId: string) {
  const found = execution.connections[name];
  if (found?.withheld !== undefined) {
    throw new SluiceError('plan.limit_exceeded', `Step ${stepId} needs the connection ${name}. ${found.withheld}`, {
      details: { connection: name, stepId },
    });
  }
  if (found) return found;
  throw new SluiceError(
    'connection.not_bound',
    `Step ${stepId} needs the connection ${name}, which is not set up here.`,
    {
      advice: `Set up the connection ${name} for this environment, then run again.`,
      details: { connection: name, stepId },
    },
  );
}
