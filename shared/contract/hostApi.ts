import { z } from 'zod';
import { Hash, ScriptPath, Slug, StepId, Time, Uuid } from '../ids.ts';
import { Json, JsonObject } from '../json.ts';
import { Conflict, ConflictChoice } from '../merge/conflict.ts';
import { Op } from '../merge/ops.ts';
import { RunEvent, RunLogLine } from '../run/events.ts';
import { StepTypeInfo } from '../workflow/catalog.ts';
import { Edit } from '../workflow/edit.ts';
import { Problem } from '../workflow/problem.ts';
import { Item, Tree } from '../workflow/tree.ts';
import { Deployment, MeterUsage, RunSummary, User, Version, Workspace } from './cloud/common.ts';
import { ConflictEntry as CloudConflict } from './cloud/conflicts.ts';
import { Change as ChangedPart } from './cloud/history.ts';
import type { Group } from './contract.ts';
import { Present } from './feed.ts';
import { PageInput, page } from './page.ts';

const Empty = z.strictObject({});
const Done = z.strictObject({ done: z.literal(true) });

/** Where a project stands between this computer and the cloud (domain.md 8). */
export const SyncState = z.strictObject({
  state: z.enum(['local_only', 'synced', 'ahead', 'behind', 'conflict', 'needs_sign_in', 'cannot_sync']),
  /** The last revision both sides agreed on. */
  revision: z.int().optional(),
  /** Commits that wait to be sent. */
  pending: z.int(),
  workspaceId: Uuid.optional(),
  syncedAt: Time.optional(),
  /** Why it cannot sync, in words for a person. */
  reason: z.string().optional(),
  /** Open conflicts that a person has to answer. Absent: none. */
  conflicts: z.int().optional(),
  /** What the control plane did not take. It is kept here, shown, and can be exported like everything else. */
  refused: z
    .strictObject({
      code: z.string(),
      reason: z.string(),
      /** What happens next, and what a person can do about it. */
      next: z.string(),
      /** The places that were not taken; empty: all that waits. */
      paths: z.array(z.array(z.string())),
    })
    .optional(),
});
export type SyncState = z.infer<typeof SyncState>;

export const ProjectInfo = z.strictObject({
  id: Uuid,
  name: z.string(),
  /** The folder on this computer. */
  dir: z.string(),
  workflowCount: z.int(),
  /** Untrusted: view and edit only, nothing runs. */
  trusted: z.boolean(),
  /** Whoever is here may look at it and not change, publish or run it. */
  readOnly: z.boolean().optional(),
  sync: SyncState,
  openedAt: Time,
});
export type ProjectInfo = z.infer<typeof ProjectInfo>;

/** A file that cannot be taken as it is. It counts as it last was, and is not written until it can be. */
export const UnreadableFile = z.strictObject({
  file: z.string(),
  line: z.int(),
  message: z.string(),
  /** It does not parse; it holds merge markers; it is not a regular text file; or it is gone. */
  why: z.enum(['syntax', 'markers', 'refused', 'gone']).optional(),
  /** What to do, in one sentence. */
  advice: z.string().optional(),
  /** Git holds both sides of it: `files.mergeMarked` puts them together by structure. */
  canMerge: z.boolean().optional(),
});
export type UnreadableFile = z.infer<typeof UnreadableFile>;

/** Files that were there and are not. Nothing of them is taken for deleted until somebody says so. */
export const PendingDeletion = z.strictObject({
  since: Time,
  /** It came with another branch of Git. Until the word is given nothing is sent to the workspace. */
  branch: z.strictObject({ from: z.string(), to: z.string() }).optional(),
  files: z.array(z.strictObject({ file: z.string(), title: z.string() })),
});
export type PendingDeletion = z.infer<typeof PendingDeletion>;

/** A conflict: of the workspace, for everybody; or of this computer alone, where the project is in none. */
export const ConflictEntry = CloudConflict.extend({
  where: z.enum(['cloud', 'local']),
  createdBy: z.string().optional(),
});
export type ConflictEntry = z.infer<typeof ConflictEntry>;

/** One point of a project's history: `cloud` counts the revisions of the workspace, `local` those of this computer. */
export const HistoryEntry = z.strictObject({
  where: z.enum(['cloud', 'local']),
  revision: z.int(),
  authorName: z.string().optional(),
  createdAt: Time,
  /** canvas, file, sync, restore, undo, git, merge, import. */
  origin: z.string(),
  message: z.string().optional(),
  /** What a person called it. */
  name: z.string().optional(),
  /** The first few parts it changed, and how many there are in all. */
  changes: z.array(ChangedPart),
  changeCount: z.int(),
});
export type HistoryEntry = z.infer<typeof HistoryEntry>;

/** Where somebody is in a project, as the others see it. */
export const Presence = z.strictObject({
  ...Present.shape,
  workflowId: Uuid.optional(),
  cursor: z.tuple([z.number(), z.number()]).optional(),
  selection: z.array(StepId),
  editing: StepId.optional(),
});
export type Presence = z.infer<typeof Presence>;

/** What a host may lack; the editor shows what is there. */
export const HostFeature = z.enum(['conflicts', 'history', 'undo', 'changes', 'deletions', 'presence', 'mergeMarked']);
export type HostFeature = z.infer<typeof HostFeature>;

/** A project as the editor holds it. `revision` counts changes on this computer, not in the cloud. */
export const ProjectState = z.strictObject({
  info: ProjectInfo,
  revision: z.int(),
  tree: Tree,
  problems: z.array(Problem),
  /** Files that cannot be read now; they are not written until they parse. */
  unreadable: z.array(UnreadableFile),
  /** Files that vanished and wait for a word. */
  deletion: PendingDeletion.optional(),
  /** Whether there is something to undo and to redo, also after a restart. */
  canUndo: z.boolean().optional(),
  canRedo: z.boolean().optional(),
});
export type ProjectState = z.infer<typeof ProjectState>;

export const Template = z.strictObject({
  name: Slug,
  title: z.string(),
  description: z.string(),
  stepCount: z.int(),
  /** Step types along its main line, for the picture on its card. */
  uses: z.array(z.string()),
});
export type Template = z.infer<typeof Template>;

/** One line of "What changes" in the publish dialog. */
export const Change = z.strictObject({
  kind: z.enum(['added', 'changed', 'removed']),
  subject: z.enum(['workflow', 'step', 'edge', 'script', 'environment', 'connection', 'settings']),
  title: z.string(),
  where: z.string(),
  fields: z.array(z.strictObject({ path: z.string(), before: z.string().optional(), after: z.string().optional() })),
  authors: z.array(z.string()),
});
export type Change = z.infer<typeof Change>;

export const PublishPreview = z.strictObject({
  workspace: Workspace,
  environment: Slug,
  currentVersion: z.int().optional(),
  /** Absent: nothing that runs has changed, so there is nothing to publish. */
  nextVersion: z.int().optional(),
  changes: z.array(Change),
  /** Only the drawing or the notes differ. */
  layoutOnly: z.boolean(),
  usage: z.array(MeterUsage),
  /** Cents per month of the plan the workspace is on. */
  planPrice: z.int(),
  checks: z.array(
    z.strictObject({
      title: z.string(),
      status: z.enum(['ok', 'warning', 'error']),
      detail: z.string().optional(),
      advice: z.string().optional(),
    }),
  ),
});
export type PublishPreview = z.infer<typeof PublishPreview>;

export const AccountState = z.strictObject({
  cloudUrl: z.string(),
  status: z.enum(['signed_out', 'signing_in', 'signed_in', 'expired', 'unreachable']),
  user: User.optional(),
  workspaces: z.array(Workspace),
  /** Where tokens are kept: the keychain, a protected file, this process only, or a cookie of the browser. */
  vault: z.enum(['keychain', 'file', 'memory', 'browser']),
});
export type AccountState = z.infer<typeof AccountState>;

export const Preferences = z.strictObject({
  theme: z.enum(['system', 'light', 'dark', 'hc']).default('system'),
  lastProjectId: Uuid.optional(),
  /** Sizes and switches of the editor, by name. */
  layout: z.record(z.string(), z.union([z.number(), z.string(), z.boolean()])).default({}),
});
export type Preferences = z.infer<typeof Preferences>;

const HistoryWhere = z.enum(['cloud', 'local']);
const UndoAnswer = z.strictObject({
  /** False: there was nothing to do. */
  done: z.boolean(),
  revision: z.int(),
  left: z.array(Conflict),
  canUndo: z.boolean(),
  canRedo: z.boolean(),
});

const ofProject = { projectId: Uuid };
const ofWorkflow = { projectId: Uuid, workflowId: Uuid };

/** Runs done again, as `cloudApi.runs.retryMany`. */
const ofRetries = {
  runIds: z.array(Uuid).min(1).max(100),
  from: z.enum(['failed', 'start']).default('failed'),
  version: z.enum(['same', 'latest']).default('same'),
};
/** For each run the one that does it again, or why there is none. */
const Retries = z.strictObject({
  results: z.array(
    z.strictObject({
      runId: Uuid,
      retry: Uuid.optional(),
      error: z.strictObject({ code: z.string(), message: z.string() }).optional(),
    }),
  ),
});
export type RetryResult = z.infer<typeof Retries>['results'][number];

/** Everything the editor may ask of the host. Over Electron's IPC or a local WebSocket; the same either way. */
export const hostApi = {
  host: {
    /** What this host is and can do; the editor shows what is there. */
    describe: {
      input: Empty,
      output: z.strictObject({
        version: z.string(),
        shell: z.enum(['electron', 'browser', 'web']),
        platform: z.enum(['linux', 'darwin', 'win32']),
        runtimeHash: Hash,
        cloudUrl: z.string(),
        can: z.strictObject({
          chooseFolder: z.boolean(),
          keychain: z.boolean(),
          openExternal: z.boolean(),
          /** Runs, folders of projects and secrets on a computer of the person's own; the cloud has none of them. */
          local: z.boolean().default(true),
        }),
        supports: z.array(HostFeature),
        /** Folder that new projects are made in. */
        projectsDir: z.string(),
      }),
    },
    /** Asks the person for a folder with the system's dialog. @throws host.not_supported in a browser */
    chooseFolder: { input: Empty, output: z.strictObject({ dir: z.string().optional() }) },
    /** Opens an https address, or one of the control plane, in the system browser. */
    openExternal: { input: z.strictObject({ url: z.url() }), output: Done },
    preferences: { input: Empty, output: Preferences },
    setPreferences: { input: Preferences, output: Done },
  },
  stepTypes: {
    list: { input: Empty, output: z.array(StepTypeInfo) },
  },
  projects: {
    list: { input: Empty, output: z.array(ProjectInfo) },
    templates: { input: Empty, output: z.array(Template) },
    create: {
      input: z.strictObject({
        name: z.string().trim().min(1).max(120),
        template: Slug.optional(),
        dir: z.string().optional(),
        /** Where a project is made in the cloud; the first of the person's workspaces without it. */
        workspaceId: Uuid.optional(),
      }),
      output: ProjectInfo,
    },
    /** Adds a folder that exists. It is untrusted until somebody says otherwise. */
    openFolder: { input: z.strictObject({ dir: z.string() }), output: ProjectInfo },
    open: { input: z.strictObject(ofProject), output: ProjectState },
    close: { input: z.strictObject(ofProject), output: Done },
    trust: { input: z.strictObject(ofProject), output: ProjectInfo },
    /**
     * Makes a project of its own of what one is now, in a folder beside the others: for work that its workspace does not
     * take. It is in no workspace, its history begins anew, and the first one stays as it is.
     */
    copy: {
      input: z.strictObject({ ...ofProject, name: z.string().trim().min(1).max(120) }),
      output: ProjectInfo,
    },
    /** Takes it off the list; the folder stays. */
    forget: { input: z.strictObject(ofProject), output: Done },
  },
  documents: {
    /** Replays edits on the host's tree and commits them here; answers once they are durable. */
    edit: {
      input: z.strictObject({ ...ofProject, edits: z.array(Edit).min(1).max(500) }),
      output: z.strictObject({ revision: z.int() }),
    },
    /** Applies operations, as undo and redo do. @throws project.rebase_required when what they undo has changed since */
    patch: {
      input: z.strictObject({ ...ofProject, ops: z.array(Op).min(1).max(5_000) }),
      output: z.strictObject({ revision: z.int() }),
    },
    /**
     * Takes back one's own last change, also one made before a restart, and nothing that others did since. `left`: places
     * that were changed since and stay as they are.
     */
    undo: { input: z.strictObject(ofProject), output: UndoAnswer },
    redo: { input: z.strictObject(ofProject), output: UndoAnswer },
    /** What the project has that another state of it has not, for the diff side by side. */
    changes: {
      input: z.strictObject({
        ...ofProject,
        /** What both sides agreed on last; what runs in an environment; or a point of the history. */
        against: z.union([
          z.strictObject({ kind: z.literal('head') }),
          z.strictObject({ kind: z.literal('deployed'), environment: Slug }),
          z.strictObject({ kind: z.literal('revision'), where: HistoryWhere, revision: z.int().min(0) }),
        ]),
      }),
      /** `before` is that state; `ops` lead from it to the project as it is. */
      output: z.strictObject({ before: Tree, ops: z.array(Op), changes: z.array(Change) }),
    },
    /** The text of a workflow's YAML file. */
    text: { input: z.strictObject(ofWorkflow), output: z.strictObject({ file: z.string(), text: z.string() }) },
    /** Takes an edited text. Problems that keep it from being read are returned and nothing changes. */
    setText: {
      input: z.strictObject({ ...ofWorkflow, text: z.string().max(1_048_576) }),
      output: z.strictObject({ accepted: z.boolean(), revision: z.int(), problems: z.array(Problem) }),
    },
    setScript: {
      input: z.strictObject({ ...ofProject, path: ScriptPath, text: z.string().max(500_000) }),
      output: z.strictObject({ revision: z.int() }),
    },
    /** The pinned items of a step. */
    pin: { input: z.strictObject({ ...ofWorkflow, stepId: StepId }), output: z.strictObject({ items: z.array(Item) }) },
    setPin: {
      input: z.strictObject({ ...ofWorkflow, stepId: StepId, items: z.array(Item).max(1_000).optional() }),
      output: z.strictObject({ revision: z.int() }),
    },
  },
  runs: {
    /**
     * Runs on this computer. `fromStepId` reuses what `basedOn` recorded for everything before it; `stopAfterStepId` ends after
     * that step; both the same: one step. Pinned steps give their pin.
     */
    start: {
      input: z.strictObject({
        ...ofWorkflow,
        triggerStepId: StepId.optional(),
        items: z.array(Item).max(1_000).optional(),
        fromStepId: StepId.optional(),
        stopAfterStepId: StepId.optional(),
        basedOn: Uuid.optional(),
        environment: Slug.default('local'),
      }),
      output: z.strictObject({ runId: Uuid }),
    },
    cancel: { input: z.strictObject({ runId: Uuid }), output: Done },
    /** Does a run again, as `cloudApi.runs.retry`; `latest` is the project as it is now. */
    retry: {
      input: z.strictObject({
        runId: Uuid,
        from: z.enum(['failed', 'start']).default('failed'),
        fromStepId: StepId.optional(),
        version: z.enum(['same', 'latest']).default('same'),
      }),
      output: z.strictObject({ runId: Uuid }),
    },
    retryMany: { input: z.strictObject(ofRetries), output: Retries },
    /** Ends a wait, as `cloudApi.runs.resume`. */
    resume: {
      input: z.strictObject({
        runId: Uuid,
        stepId: StepId,
        iteration: z.int().min(0).default(0),
        path: z.array(z.string()).optional(),
        input: Json,
      }),
      output: Done,
    },
    list: {
      input: z.strictObject({ ...ofProject, workflowId: Uuid.optional(), ...PageInput }),
      output: page(RunSummary),
    },
    get: {
      input: z.strictObject({ runId: Uuid }),
      output: z.strictObject({ run: RunSummary, events: z.array(RunEvent), logs: z.array(RunLogLine) }),
    },
    /** Items that an event keeps as a blob; at most the first 1,000. */
    items: {
      input: z.strictObject({ runId: Uuid, blob: Hash }),
      output: z.strictObject({ items: z.array(Item), count: z.int() }),
    },
  },
  account: {
    state: { input: Empty, output: AccountState },
    /** Starts the sign-in in the system browser and gives its address; `account.changed` tells how it ended. */
    signIn: { input: Empty, output: z.strictObject({ url: z.url(), opened: z.boolean() }) },
    cancelSignIn: { input: Empty, output: Done },
    signOut: { input: Empty, output: Done },
  },
  sync: {
    /** Binds a project to a workspace and sends it there for the first time. */
    bind: { input: z.strictObject({ ...ofProject, workspaceId: Uuid }), output: SyncState },
    now: { input: z.strictObject(ofProject), output: SyncState },
    /** The projects of a workspace, with the folder of those that this computer has. */
    remote: {
      input: z.strictObject({ workspaceId: Uuid, ...PageInput }),
      output: page(
        z.strictObject({ id: Uuid, name: z.string(), revision: z.int(), updatedAt: Time, dir: z.string().optional() }),
      ),
    },
    /**
     * Brings a project of a workspace to this computer, into a folder of its own. It is untrusted, like all that others made.
     * @throws SluiceError project.exists where this computer has it, file.exists where the folder holds something
     */
    clone: {
      input: z.strictObject({ workspaceId: Uuid, projectId: Uuid, dir: z.string().optional() }),
      output: ProjectInfo,
    },
  },
  /** Places where two answers met (sync.md 2). Those of a project in a workspace are the workspace's, all others this computer's. */
  conflicts: {
    /** Newest first; answered from what this computer knows, without waiting for anybody. */
    list: {
      input: z.strictObject({ ...ofProject, status: z.enum(['open', 'resolved', 'all']).default('open') }),
      output: z.array(ConflictEntry),
    },
    /** Puts an answer in the place and closes the record. Without a connection it is told to the others later. */
    resolve: {
      input: z.strictObject({
        ...ofProject,
        conflictId: Uuid,
        choice: ConflictChoice,
        /** With `edit`: what shall stand there; absent: nothing. */
        value: Json.optional(),
        /** `details.was` of a refusal with `conflict.place_changed`: the person has seen what stands there now. */
        was: Hash.optional(),
      }),
      output: z.strictObject({ revision: z.int(), conflict: ConflictEntry }),
    },
    resolveAll: {
      input: z.strictObject({ ...ofProject, choice: z.enum(['theirs', 'ours']) }),
      /** `left`: those whose place was changed since, which stay open. */
      output: z.strictObject({ revision: z.int(), resolved: z.array(Uuid), left: z.array(Uuid) }),
    },
  },
  history: {
    /** The workspace's where the project is in one and it answers, else this computer's own. Newest first. */
    list: {
      input: z.strictObject({ ...ofProject, where: HistoryWhere.optional(), ...PageInput }),
      output: page(HistoryEntry),
    },
    at: {
      input: z.strictObject({ ...ofProject, where: HistoryWhere, revision: z.int().min(0) }),
      output: z.strictObject({ revision: z.int(), tree: Tree }),
    },
    /** Makes the project what it was, as one new revision: everything since stays in the history. */
    restore: {
      input: z.strictObject({ ...ofProject, where: HistoryWhere, revision: z.int().min(0) }),
      output: z.strictObject({ revision: z.int() }),
    },
    name: {
      input: z.strictObject({
        ...ofProject,
        where: HistoryWhere,
        revision: z.int().min(0),
        name: z.string().trim().min(1).max(120).nullable(),
      }),
      output: Done,
    },
  },
  files: {
    /** The files that vanished were meant to go: what they held is deleted here, and everywhere with the next sync. */
    confirmDeletion: { input: z.strictObject(ofProject), output: z.strictObject({ revision: z.int() }) },
    /** They were not: they are written again as they last were. */
    restoreDeleted: { input: z.strictObject(ofProject), output: z.strictObject({ revision: z.int() }) },
    /**
     * Puts the two sides of a file with merge markers together by structure, from what Git has of them.
     * @throws SluiceError host.not_supported where Git does not know both sides
     */
    mergeMarked: {
      input: z.strictObject({ ...ofProject, file: z.string() }),
      output: z.strictObject({ revision: z.int(), conflicts: z.int() }),
    },
  },
  presence: {
    /** Where this person is now, for the others in the workspace; nothing is kept. */
    tell: {
      input: z.strictObject({
        ...ofProject,
        workflowId: Uuid.optional(),
        cursor: z.tuple([z.number(), z.number()]).optional(),
        selection: z.array(StepId).max(100).default([]),
        editing: StepId.optional(),
      }),
      output: Done,
    },
  },
  publish: {
    preview: { input: z.strictObject({ ...ofProject, environment: Slug }), output: PublishPreview },
    /** Syncs, freezes a version and deploys it. `deployment.changed` tells the rest. */
    start: {
      input: z.strictObject({ ...ofProject, environment: Slug, note: z.string().max(280).default('') }),
      output: Deployment,
    },
    deployments: { input: z.strictObject({ ...ofProject, ...PageInput }), output: page(Deployment) },
    versions: { input: z.strictObject({ ...ofProject, ...PageInput }), output: page(Version) },
    /** Deploys an earlier version again. */
    rollback: { input: z.strictObject({ ...ofProject, environment: Slug, versionId: Uuid }), output: Deployment },
  },
  hosted: {
    runs: {
      input: z.strictObject({ ...ofProject, workflowId: Uuid.optional(), ...PageInput }),
      output: page(RunSummary),
    },
    /** One hosted run; its later events follow as `run.event`. */
    run: {
      input: z.strictObject({ ...ofProject, runId: Uuid }),
      output: z.strictObject({ run: RunSummary, events: z.array(RunEvent) }),
    },
    cancel: { input: z.strictObject({ ...ofProject, runId: Uuid }), output: Done },
    retry: {
      input: z.strictObject({
        ...ofProject,
        runId: Uuid,
        from: z.enum(['failed', 'start']).default('failed'),
        fromStepId: StepId.optional(),
        version: z.enum(['same', 'latest']).default('same'),
      }),
      output: z.strictObject({ runId: Uuid }),
    },
    retryMany: { input: z.strictObject({ ...ofProject, ...ofRetries }), output: Retries },
    resume: {
      input: z.strictObject({
        ...ofProject,
        runId: Uuid,
        stepId: StepId,
        iteration: z.int().min(0).default(0),
        path: z.array(z.string()).optional(),
        input: Json,
      }),
      output: Done,
    },
    usage: {
      input: z.strictObject({ workspaceId: Uuid }),
      output: z.strictObject({ plan: z.string(), meters: z.array(MeterUsage) }),
    },
    /** The provider's page where the owner pays for a bigger plan. */
    upgrade: {
      input: z.strictObject({ workspaceId: Uuid, plan: z.enum(['starter', 'pro', 'business']) }),
      output: z.strictObject({ url: z.url(), opened: z.boolean() }),
    },
  },
  connections: {
    /** What each connection of the project has: here for local runs, and hosted in the bound workspace. Never a secret. */
    list: {
      input: z.strictObject(ofProject),
      output: z.array(
        z.strictObject({
          name: Slug,
          connector: z.string(),
          hosts: z.array(z.string()),
          local: z.boolean(),
          hosted: z.boolean(),
        }),
      ),
    },
    /** The connectors there are, with the JSON Schema of their fields. */
    connectors: {
      input: Empty,
      output: z.array(
        z.strictObject({ name: z.string(), title: z.string(), schema: JsonObject, hosts: z.array(z.string()) }),
      ),
    },
    set: {
      input: z.strictObject({
        ...ofProject,
        name: Slug,
        connector: z.string(),
        where: z.enum(['local', 'hosted']),
        secret: JsonObject,
        hosts: z.array(z.string().max(260)).max(50),
      }),
      output: Done,
    },
  },
} as const satisfies Record<string, Group>;
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
    unreadable: ProjectState.shape.unreadable,
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
