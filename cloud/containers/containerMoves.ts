export type ContainerStatus =
  | 'stopped'
  | 'starting'
  | 'running'
  | 'sleeping'
  | 'upgrading'
  | 'stopping'
  | 'error'
  | 'suspended';

/**
 * The moves of domain.md 8. Two are added to it: out of `error` a container starts again (the restart chain, or a person
 * who publishes), and what sleeps may be stopped with the control plane.
 */
const MOVES: Record<ContainerStatus, readonly ContainerStatus[]> = {
  stopped: ['starting'],
  starting: ['running', 'stopping'],
  running: ['sleeping', 'upgrading', 'stopping'],
  sleeping: ['starting', 'stopping'],
  upgrading: ['running'],
  stopping: ['stopped'],
  error: ['starting', 'stopping'],
  suspended: ['stopped'],
};

/** Whether a container may go from one state to another. Anything may end in error or be suspended. */
export function mayMove(from: ContainerStatus, to: ContainerStatus): boolean {
  return to === 'error' || to === 'suspended' || MOVES[from].includes(to);
}
