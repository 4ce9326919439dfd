import { z } from 'zod';
import { Uuid } from '../ids.ts';
import { Op } from '../merge/ops.ts';
import { RunEvent, RunLogLine } from '../run/events.ts';
import { Problem } from '../workflow/problem.ts';
import { Deployment, RunSummary } from './cloud/common.ts';
import { AccountState, account } from './host/account.ts';
import { SyncState } from './host/common.ts';
import { conflicts } from './host/conflicts.ts';
import { connections } from './host/connections.ts';
import { documents } from './host/documents.ts';
import { files, PendingDeletion, UnreadableFile } from './host/files.ts';
import { history } from './host/history.ts';
import { host } from './host/host.ts';
import { hosted } from './host/hosted.ts';
import { Presence, presence } from './host/presence.ts';
import { projects } from './host/projects.ts';
import { publish } from './host/publish.ts';
import { runs } from './host/runs.ts';
import { stepTypes } from './host/stepTypes.ts';
import { sync } from './host/sync.ts';

/** Everything the editor may ask of the host. Over Electron's IPC or a local WebSocket; the same either way. */
export const hostApi = {
  host,
  stepTypes,
  projects,
  documents,
  runs,
  account,
  sync,
  conflicts,
  history,
  files,
  presence,
  publish,
  hosted,
  connections,
} as const;
export type HostApi = typeof hostApi;

/** What the host tells the editor, one way. */
export const HostEvent = z.discriminatedUnion('type', [
  /** The tree changed: by this editor (`origin` canvas), another window, a file, or sync. */
  z.strictObject({
    type: z.literal('project.changed'),
    projectId: Uuid,
    revision: z.int(),
    origin: z.enum(['canvas', 'file', 'sync']),
    /** From the revision before to this one. */
    ops: z.array(Op),
    problems: z.array(Problem),
    unreadable: z.array(UnreadableFile),
    canUndo: z.boolean().optional(),
    canRedo: z.boolean().optional(),
  }),
  z.strictObject({ type: z.literal('project.sync'), projectId: Uuid, sync: SyncState }),
  /** Records came or were answered; `open` counts those that a person has to answer. */
  z.strictObject({ type: z.literal('conflicts.changed'), projectId: Uuid, open: z.int() }),
  /** Files vanished; absent: nothing waits for a word any more. */
  z.strictObject({ type: z.literal('deletion.pending'), projectId: Uuid, deletion: PendingDeletion.optional() }),
  /** The others in the project now. */
  z.strictObject({ type: z.literal('presence.changed'), projectId: Uuid, people: z.array(Presence) }),
  z.strictObject({
    type: z.literal('run.event'),
    projectId: Uuid,
    where: z.enum(['local', 'hosted']),
    event: RunEvent,
  }),
  z.strictObject({ type: z.literal('run.log'), projectId: Uuid, line: RunLogLine }),
  z.strictObject({ type: z.literal('run.changed'), where: z.enum(['local', 'hosted']), run: RunSummary }),
  z.strictObject({ type: z.literal('deployment.changed'), deployment: Deployment }),
  z.strictObject({ type: z.literal('account.changed'), account: AccountState }),
  z.strictObject({ type: z.literal('runner.stopped'), projectId: Uuid, reason: z.string() }),
]);
export type HostEvent = z.infer<typeof HostEvent>;
