import type { RunSummary } from '#shared/contract/cloud/common.ts';
import type { WaitReason } from '#shared/run/events.ts';

/** Why something waits, in the few words of a list. */
export const WAITS: Record<WaitReason, string> = {
  delay: 'Delay',
  approval: 'Approval',
  webhook_reply: 'A reply',
  connector_down: 'Service is down',
  needs_attention: 'Needs a decision',
};

/** Waits that a person may end. */
export const ANSWERABLE: ReadonlySet<WaitReason> = new Set(['approval', 'webhook_reply', 'needs_attention']);

type Hold = NonNullable<RunSummary['heldBy']>;

/** What holds a queued run back, in the few words of a list. */
export const HOLDS: Record<Hold, string> = {
  concurrency: 'Others run',
  throttle: 'Throttled',
  debounce: 'Debounced',
  singleton: 'Another runs',
};

/** The same in a sentence or two, with what ends it. */
export const HOLD_REASONS: Record<Hold, { title: string; text: string }> = {
  concurrency: {
    title: 'Held by the limit of runs at once',
    text: 'As many runs as the workflow allows are at work. It begins when one of them ends or waits.',
  },
  throttle: {
    title: 'Held by the throttle',
    text: 'More runs came than the workflow lets begin in this time. It begins in the order it came.',
  },
  debounce: {
    title: 'Held by the debounce',
    text: 'It begins once nothing more has come for a while. What comes before that takes its place.',
  },
  singleton: {
    title: 'Held until the one before has let go',
    text: 'The workflow runs one at a time for each key. The earlier run is being stopped.',
  },
};
