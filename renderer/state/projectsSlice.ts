import type { StateCreator } from 'zustand';
import type { ProjectInfo } from '#shared/contract/host/common.ts';
import type { PendingDeletion } from '#shared/contract/host/files.ts';
import type { Template } from '#shared/contract/host/projects.ts';
import type { StepCatalog } from '#shared/workflow/catalog.ts';
import type { EditorDeps, EditorState, HostFacts } from './store.ts';

export type ProjectsSlice = {
  /** Whether the host answers. */
  linkUp: boolean;
  /** Nothing is drawn before the first answer. */
  ready: boolean;
  startError: unknown;
  host: HostFacts | undefined;
  stepTypes: StepCatalog;
  projects: ProjectInfo[];
  templates: Template[];
  begin(): Promise<void>;
  loadProjects(): Promise<void>;
  trust(): Promise<void>;
  deletionChanged(projectId: string, deletion: PendingDeletion | undefined): void;
};

export function createProjectsSlice({ client }: EditorDeps): StateCreator<EditorState, [], [], ProjectsSlice> {
  return (set, get) => ({
    linkUp: true,
    ready: false,
    startError: undefined,
    host: undefined,
    stepTypes: {},
    projects: [],
    templates: [],

    async begin() {
      try {
        const [host, preferences, types, projects, templates, account] = await Promise.all([
          client.host.describe({}),
          client.host.preferences({}),
          client.stepTypes.list({}),
          client.projects.list({}),
          client.projects.templates({}),
          client.account.state({}),
        ]);
        set({
          host,
          preferences,
          projects,
          templates,
          account,
          stepTypes: Object.fromEntries(types.map((info) => [info.type, info])),
        });
        const last = projects.find((one) => one.id === preferences.lastProjectId);
        // A project that cannot be opened must not keep the others from being opened.
        if (last)
          await get()
            .openProject(last.id)
            .catch((thrown: unknown) => get().fail(thrown, `${last.name} could not be opened`));
        set({ ready: true, startError: undefined });
      } catch (thrown) {
        set({ startError: thrown });
      }
    },

    async loadProjects() {
      set({ projects: await client.projects.list({}) });
    },

    deletionChanged(projectId, deletion) {
      set((state) => ({ doc: state.doc?.info.id === projectId ? { ...state.doc, deletion } : state.doc }));
    },

    async trust() {
      const { doc } = get();
      if (!doc) return;
      try {
        const info = await client.projects.trust({ projectId: doc.info.id });
        set((state) => ({ doc: state.doc && { ...state.doc, info } }));
      } catch (thrown) {
        get().fail(thrown, 'The project is still not trusted');
      }
    },
  });
}
