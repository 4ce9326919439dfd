import type { StateCreator } from 'zustand';
import type { Preferences } from '#shared/contract/host/host.ts';
import type { ProjectState } from '#shared/contract/host/projects.ts';
import { SluiceError } from '#shared/error.ts';
import { openWorkflow } from './documentSlice.ts';
import type { EditorDeps, EditorState } from './store.ts';

export type Area = 'workflows' | 'runs' | 'changes' | 'deployments' | 'connections' | 'settings';
export type Tab =
  | { kind: 'workflow'; id: string }
  | { kind: 'script'; id: string }
  | { kind: 'environment'; id: string };
export type PaneLook = 'canvas' | 'split' | 'yaml';
export type BottomTab = 'data' | 'log' | 'problems';
export type Toast = {
  id: number;
  kind: 'ok' | 'info' | 'bad';
  title: string;
  text?: string;
  action?: { label: string; run: () => void };
};
/** Where the step search was opened, and what becomes of the step that is chosen. */
export type AddAt = {
  from?: { stepId: string; port: string };
  splitEdge?: string;
  position?: [number, number];
  screen?: { x: number; y: number };
};

export type ViewSlice = {
  area: Area;
  /** Where there is room for one thing at a time: the list of changes, what is chosen in it, or the drawing. */
  changesPart: 'list' | 'detail' | 'canvas';
  tabs: Tab[];
  /** The workflow on the canvas; undefined while another kind of tab is open. */
  workflowId: string | undefined;
  openTab: Tab | undefined;
  selection: string[];
  selectedEdges: string[];
  look: PaneLook;
  /** The step whose view is open. */
  stepView: string | undefined;
  bottom: { open: boolean; tab: BottomTab; full: boolean };
  treeOpen: boolean;
  inspectorOpen: boolean;
  /** The workflow's own settings are in the inspector while no step is selected. */
  settingsOpen: boolean;
  /** The iteration and the item that the data views show, by step. */
  iteration: Record<string, number>;
  itemIndex: number;
  adding: AddAt | undefined;
  dialog: 'commands' | 'publish' | 'keys' | 'sign-in' | undefined;
  toasts: Toast[];
  spoken: string;
  preferences: Preferences;

  resetView(state: ProjectState): void;
  go(area: Area): void;
  showChanges(part: ViewSlice['changesPart']): void;
  open(tab: Tab): void;
  openWorkflowTab(workflowId: string): void;
  closeTab(tab: Tab): void;
  select(stepIds: string[], edges?: string[]): void;
  setLook(look: PaneLook): void;
  openSettings(open: boolean): void;
  openStep(stepId: string | undefined): void;
  setBottom(change: Partial<ViewSlice['bottom']>): void;
  toggle(part: 'treeOpen' | 'inspectorOpen'): void;
  setIteration(stepId: string, iteration: number): void;
  setItemIndex(index: number): void;
  add(at: AddAt | undefined): void;
  setDialog(dialog: ViewSlice['dialog']): void;
  /** A message that passes; never the only place of an error. */
  say(toast: Omit<Toast, 'id'>): void;
  /** Says what went wrong with something that was asked for. */
  fail(thrown: unknown, title: string): void;
  dismiss(id: number): void;
  /** For screen readers. */
  announce(text: string): void;
  size(name: string, fallback: number): number;
  setPreference(change: Partial<Preferences>): void;
  setSize(name: string, value: number): void;
};

const sameTab = (a: Tab, b: Tab | undefined) => b !== undefined && a.kind === b.kind && a.id === b.id;
const SAVE_PREFERENCES_MS = 400;

export function createViewSlice(deps: EditorDeps): StateCreator<EditorState, [], [], ViewSlice> {
  return (set, get) => {
    let nextToast = 1;
    let savePlanned = false;

    function savePreferences() {
      if (savePlanned) return;
      savePlanned = true;
      void deps.sleep(SAVE_PREFERENCES_MS).then(async () => {
        savePlanned = false;
        // A size that is not kept costs nothing; the next one tries again.
        await deps.client.host.setPreferences(get().preferences).catch(() => {});
      });
    }

    function show(tab: Tab | undefined): Partial<ViewSlice> {
      return {
        openTab: tab,
        workflowId: tab?.kind === 'workflow' ? tab.id : undefined,
        selection: [],
        selectedEdges: [],
        stepView: undefined,
        settingsOpen: false,
        itemIndex: 0,
      };
    }

    return {
      area: 'workflows',
      changesPart: 'list',
      tabs: [],
      workflowId: undefined,
      openTab: undefined,
      selection: [],
      selectedEdges: [],
      look: 'canvas',
      stepView: undefined,
      bottom: { open: false, tab: 'data', full: false },
      treeOpen: true,
      inspectorOpen: true,
      settingsOpen: false,
      iteration: {},
      itemIndex: 0,
      adding: undefined,
      dialog: undefined,
      toasts: [],
      spoken: '',
      preferences: { theme: 'system', layout: {} },

      resetView({ tree }) {
        const first = Object.entries(tree.workflows).sort(([, a], [, b]) => a.name.localeCompare(b.name))[0];
        const tab: Tab | undefined = first && { kind: 'workflow', id: first[0] };
        set({
          ...show(tab),
          area: 'workflows',
          tabs: tab ? [tab] : [],
          look: 'canvas',
          bottom: { open: false, tab: 'data', full: false },
          runs: {},
          shownRun: {},
          readOnlyRun: undefined,
          runsWhere: undefined,
          lookedAt: undefined,
          looking: undefined,
          changesPart: 'list',
          conflicts: [],
          conflictId: undefined,
          answering: {},
          drafts: {},
          history: { entries: [], loading: false },
          versions: [],
          people: [],
          localRuns: [],
          hostedRuns: [],
          deployments: [],
        });
      },

      go(area) {
        if (area !== 'changes') get().stopLooking();
        set({ area, stepView: undefined, changesPart: 'list' });
      },

      showChanges: (changesPart) => set({ area: 'changes', changesPart }),

      open(tab) {
        if (sameTab(tab, get().openTab) && get().area === 'workflows') return;
        set((state) => ({
          ...show(tab),
          area: 'workflows',
          tabs: state.tabs.some((one) => sameTab(one, tab)) ? state.tabs : [...state.tabs, tab],
          readOnlyRun: undefined,
        }));
      },

      openWorkflowTab: (workflowId) => get().open({ kind: 'workflow', id: workflowId }),

      closeTab(tab) {
        const { tabs, openTab } = get();
        const at = tabs.findIndex((one) => sameTab(one, tab));
        const left = tabs.filter((one) => !sameTab(one, tab));
        set({ tabs: left, ...(sameTab(tab, openTab) ? show(left[Math.max(0, at - 1)]) : {}) });
      },

      select(selection, selectedEdges = []) {
        const { selection: before, selectedEdges: edgesBefore } = get();
        const same = before.length === selection.length && before.every((id, i) => id === selection[i]);
        if (same && edgesBefore.length === 0 && selectedEdges.length === 0) return;
        set({
          selection,
          selectedEdges,
          ...(same ? {} : { itemIndex: 0 }),
          ...(selection.length > 0 ? { settingsOpen: false } : {}),
        });
      },

      setLook: (look) =>
        set((state) => ({ look, bottom: state.bottom.full ? { ...state.bottom, full: false } : state.bottom })),
      openSettings: (settingsOpen) =>
        set((state) => ({
          settingsOpen,
          ...(settingsOpen
            ? {
                area: 'workflows' as const,
                stepView: undefined,
                selection: [],
                selectedEdges: [],
                inspectorOpen: true,
                look: state.look === 'canvas' ? state.look : ('canvas' as const),
              }
            : {}),
        })),
      openStep: (stepId) =>
        set(
          stepId === undefined
            ? { stepView: undefined }
            : { stepView: stepId, selection: [stepId], selectedEdges: [], itemIndex: 0 },
        ),
      setBottom: (change) => set((state) => ({ bottom: { ...state.bottom, ...change } })),
      toggle: (part) => set((state) => ({ [part]: !state[part] }) as Pick<ViewSlice, typeof part>),
      setIteration: (stepId, iteration) =>
        set((state) => ({ iteration: { ...state.iteration, [stepId]: iteration }, itemIndex: 0 })),
      setItemIndex: (itemIndex) => set({ itemIndex }),
      add: (adding) => set({ adding }),
      setDialog: (dialog) => set({ dialog }),

      say(toast) {
        const id = nextToast++;
        set((state) => ({ toasts: [...state.toasts, { ...toast, id }].slice(-3) }));
        get().announce(toast.text ? `${toast.title}. ${toast.text}` : toast.title);
      },

      fail(thrown, title) {
        const error = SluiceError.from(thrown);
        if (error.code === 'internal' && error.cause !== undefined) console.error(error.cause);
        const stepId = error.details?.stepId;
        const there = typeof stepId === 'string' && openWorkflow(get())?.steps[stepId] !== undefined;
        get().say({
          kind: 'bad',
          title,
          text: [error.message, error.advice].filter(Boolean).join(' '),
          ...(there ? { action: { label: 'Go to the step', run: () => get().select([stepId]) } } : {}),
        });
      },

      dismiss: (id) => set((state) => ({ toasts: state.toasts.filter((toast) => toast.id !== id) })),
      // The same words again are only read out where the text differs.
      announce: (text) => set(({ spoken }) => ({ spoken: text === spoken ? `${text}\u00a0` : text })),

      size(name, fallback) {
        const value = get().preferences.layout[name];
        return typeof value === 'number' ? value : fallback;
      },

      setPreference(change) {
        set((state) => ({ preferences: { ...state.preferences, ...change } }));
        savePreferences();
      },

      setSize(name, value) {
        set((state) => ({
          preferences: { ...state.preferences, layout: { ...state.preferences.layout, [name]: value } },
        }));
        savePreferences();
      },
    };
  };
}
