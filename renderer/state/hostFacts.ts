import type { EditorState } from './store.ts';

/** Whether the host is a computer of the person's: parts of a workflow run there, items are pinned there, secrets kept. */
export const hasComputer = (state: Pick<EditorState, 'host'>): boolean => state.host?.can.local !== false;

/** The version that a run begins where only what is published runs: production's where it is live there, else another's. */
export const liveDeployment = (state: Pick<EditorState, 'deployments'>) => {
  const live = state.deployments.filter(({ status }) => status === 'active');
  return live.find(({ environment }) => environment === 'production') ?? live[0];
};
