import type { z } from 'zod';
import { createStore, type StoreApi, useStore } from 'zustand';
import { type Client, createClient } from '#shared/contract/contract.ts';
import { type HostApi, type HostEvent, hostApi } from '#shared/contract/hostApi.ts';
import type { Link } from '../host/connect.ts';
import { type AccountSlice, createAccountSlice } from './accountSlice.ts';
import { type ConflictsSlice, createConflictsSlice } from './conflictsSlice.ts';
import { createDocumentSlice, type DocumentSlice } from './documentSlice.ts';
import { createHistorySlice, type HistorySlice } from './historySlice.ts';
import { oncePerFrame } from './oncePerFrame.ts';
import { createPresenceSlice, type PresenceSlice } from './presenceSlice.ts';
import { createProjectsSlice, type ProjectsSlice } from './projectsSlice.ts';
import { createRunListSlice, type RunListSlice } from './runListSlice.ts';
import { createRunSlice, type RunSlice } from './runSlice.ts';
import { createViewSlice, type ViewSlice } from './viewSlice.ts';

export type HostFacts = z.output<HostApi['host']['describe']['output']>;
export type EditorState = ProjectsSlice &
  DocumentSlice &
  RunSlice &
  RunListSlice &
  ViewSlice &
  AccountSlice &
  ConflictsSlice &
  HistorySlice &
  PresenceSlice;

export type EditorDeps = {
  client: Client<HostApi>;
  sleep: (ms: number) => Promise<void>;
  now: () => number;
  /** Called once before the next drawing. */
  nextFrame: (run: () => void) => void;
};

export type Editor = { store: StoreApi<EditorState>; client: Client<HostApi> };

/** The whole state of the editor, fed by a host. */
export function createEditor(link: Link, clock: Omit<EditorDeps, 'client'>): Editor {
  const client = createClient(hostApi, (name, input) => link.call(name, input));
  const deps = { ...clock, client };
  const store = createStore<EditorState>()((...args) => ({
    ...createProjectsSlice(deps)(...args),
    ...createDocumentSlice(deps)(...args),
    ...createRunSlice(deps)(...args),
    ...createRunListSlice(deps)(...args),
    ...createViewSlice(deps)(...args),
    ...createAccountSlice(deps)(...args),
    ...createConflictsSlice(deps)(...args),
    ...createHistorySlice(deps)(...args),
    ...createPresenceSlice(deps)(...args),
  }));
  const takeNews = oncePerFrame<News>((all) => takeAll(store.getState(), all), deps.nextFrame);
  link.subscribe((event) => (isNews(event) ? takeNews(event) : take(store.getState(), event)));
  link.onState((linkUp) => {
    const before = store.getState().linkUp;
    store.setState({ linkUp });
    if (!linkUp || before) return;
    store.getState().wakeSaving();
    void store.getState().reopen();
    void store.getState().loadConflicts();
  });
  return { store, client };
}

/** What comes with each commit of others, of which many may come at once. */
type News = Extract<HostEvent, { type: 'project.changed' | 'project.sync' }>;

const isNews = (event: HostEvent): event is News => event.type === 'project.changed' || event.type === 'project.sync';

function takeAll(state: EditorState, news: News[]): void {
  state.projectChanged(news.filter((event) => event.type === 'project.changed'));
  // Of each project only the last word counts.
  const words = news.filter((event) => event.type === 'project.sync');
  for (const [projectId, sync] of new Map(words.map((event) => [event.projectId, event.sync])))
    state.syncChanged(projectId, sync);
}

function take(state: EditorState, event: Exclude<HostEvent, News>): void {
  switch (event.type) {
    case 'conflicts.changed':
      if (state.doc?.info.id === event.projectId) void state.loadConflicts();
      break;
    case 'deletion.pending':
      state.deletionChanged(event.projectId, event.deletion);
      break;
    case 'presence.changed':
      if (state.doc?.info.id === event.projectId) state.peopleChanged(event.people);
      break;
    case 'run.event':
      if (state.doc?.info.id === event.projectId) state.runEvent(event);
      break;
    case 'run.log':
      if (state.doc?.info.id === event.projectId) state.runLog(event.line);
      break;
    case 'run.changed':
      state.runChanged(event.where, event.run);
      break;
    case 'deployment.changed':
      if (state.doc?.info.id === event.deployment.projectId) state.deploymentChanged(event.deployment);
      break;
    case 'account.changed':
      state.accountChanged(event.account);
      break;
    case 'runner.stopped':
      if (state.doc?.info.id === event.projectId) state.runnerStopped(event.reason);
      break;
  }
}

let current: Editor | undefined;

/** The editor of this window, made once in `app/main.tsx`. */
export function setEditor(editor: Editor): void {
  current = editor;
}

export function editor(): Editor {
  if (!current) throw new Error('The editor is used before it was made.');
  return current;
}

/** Reads from the editor's state; the component draws again only when what it reads changes. */
export function useEditor<T>(selector: (state: EditorState) => T): T {
  return useStore(editor().store, selector);
}

/** The state as it is now, for handlers. */
export const now = (): EditorState => editor().store.getState();
