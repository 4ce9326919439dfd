import { FileCode, Globe, History, Play, Plus, Settings, Workflow } from 'lucide-react';
import { Dialog as Radix } from 'radix-ui';
import { type ReactNode, useMemo, useRef, useState } from 'react';
import { addStep, runFrom, tidyUp, toggleDisabled, togglePin } from '../canvas/commands.ts';
import { Marked } from '../library/AddStep.tsx';
import { searchSteps } from '../library/searchSteps.ts';
import { STATES } from '../look/Badge.tsx';
import { Kbd } from '../look/Kbd.tsx';
import { SearchList, SearchOption } from '../look/SearchList.tsx';
import { StepIcon } from '../look/stepIcon.tsx';
import { useFocusBack } from '../look/useFocusBack.ts';
import { openConflicts } from '../state/conflictsSlice.ts';
import { openWorkflow } from '../state/documentSlice.ts';
import { hasComputer } from '../state/hostFacts.ts';
import { cardState } from '../state/stepFacts.ts';
import { now } from '../state/store.ts';
import { startRun } from './TitleBar.tsx';

type Entry = {
  id: string;
  group: string;
  title: string;
  text?: string;
  icon: ReactNode;
  keys?: string;
  run: () => void;
};
const PREFIXES: Record<string, string> = { '@': 'Steps on this canvas', '>': 'Do', '+': 'Add a step', '#': 'Runs' };
const MOST_A_GROUP = 6;

/** Everything by its name: steps, commands, step types, runs and the parts of the project. */
export function CommandBar() {
  const [typed, setTyped] = useState('');
  const [active, setActive] = useState(0);
  const giveFocusBack = useFocusBack();
  const chosen = useRef(false);
  const entries = useMemo(() => find(typed), [typed]);
  const close = () => now().setDialog(undefined);
  const choose = (index: number) => {
    const entry = entries[index];
    if (!entry) return;
    chosen.current = true;
    close();
    entry.run();
  };
  const bare = typed.replace(/^[@>+#]/, '');

  return (
    <Radix.Root open onOpenChange={(open) => !open && close()}>
      <Radix.Portal>
        <Radix.Overlay className="fixed inset-0 z-40 bg-scrim animate-[fade-in_120ms_ease-out]" />
        <Radix.Content
          aria-describedby={undefined}
          // What was chosen is elsewhere, and the keys of the canvas act there; only whoever reads its outline stays in it.
          onCloseAutoFocus={(event) => giveFocusBack(event, chosen.current ? '[role="treeitem"]' : undefined)}
          className="fixed top-28 left-1/2 z-50 flex max-h-[min(540px,calc(100vh-140px))] w-[min(640px,calc(100vw-32px))] -translate-x-1/2 flex-col overflow-hidden rounded-dialog bg-panel shadow-dialog outline-none animate-[fade-in_120ms_ease-out]"
        >
          <Radix.Title className="visually-hidden">Search or run a command</Radix.Title>
          <SearchList
            id="commands"
            label="Search or run a command"
            listLabel="Results"
            typed={typed}
            onTyped={setTyped}
            count={entries.length}
            active={active}
            activeId={entries[active] && `command-${active}`}
            onActive={setActive}
            onChoose={choose}
          >
            {entries.length === 0 && <p className="p-3 text-small text-ink-3">Nothing is called “{bare}”.</p>}
            {entries.map((entry, index) => (
              <div key={entry.id}>
                {entry.group !== entries[index - 1]?.group && (
                  <p className="px-2.5 pt-2 pb-1 text-micro font-name text-ink-3">{entry.group}</p>
                )}
                <SearchOption
                  id={`command-${index}`}
                  index={index}
                  active={index === active}
                  icon={entry.icon}
                  title={<Marked text={entry.title} typed={bare} />}
                  text={entry.text}
                  onActive={setActive}
                  onChoose={choose}
                >
                  {entry.keys && <Kbd keys={entry.keys} />}
                </SearchOption>
              </div>
            ))}
          </SearchList>
          <div className="flex h-9 flex-none items-center gap-2 bg-sunken px-4 text-micro text-ink-3">
            <Kbd keys="↑ ↓" /> move <Kbd keys="↵" /> go
            <span className="ml-auto">@ steps · &gt; commands · + add · # runs</span>
          </div>
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}

function find(typed: string): Entry[] {
  const only = PREFIXES[typed[0] ?? ''];
  const wanted = (only ? typed.slice(1) : typed).trim().toLowerCase();
  const fits = (entry: Entry) =>
    (only === undefined || entry.group === only) && `${entry.title} ${entry.text ?? ''}`.toLowerCase().includes(wanted);
  const groups = [steps(), commands(), types(wanted), parts(), runs()];
  return groups.flatMap((group) => group.filter(fits).slice(0, only ? 50 : MOST_A_GROUP));
}

function steps(): Entry[] {
  const state = now();
  return Object.entries(openWorkflow(state)?.steps ?? {}).map(([id, step]) => ({
    id: `step ${id}`,
    group: 'Steps on this canvas',
    title: step.name,
    text: `${step.uses} · ${STATES[cardState(id)(state)].word.toLowerCase()}`,
    icon: <StepIcon uses={step.uses} />,
    run: () => {
      state.go('workflows');
      state.select([id]);
    },
  }));
}

function commands(): Entry[] {
  const state = now();
  const [stepId] = state.selection;
  const step = stepId ? openWorkflow(state)?.steps[stepId] : undefined;
  const icon = <Play className="icon" />;
  const plain: Omit<Entry, 'id' | 'group' | 'icon'>[] = [
    ...(stepId && step && hasComputer(state)
      ? [
          {
            title: `Run from ${step.name}`,
            text: 'uses what the steps before it returned',
            keys: 'Shift R',
            run: () => runFrom(stepId),
          },
          { title: `Pin output of ${step.name}`, keys: 'P', run: () => void togglePin(stepId) },
        ]
      : []),
    ...(stepId && step
      ? [
          { title: `Turn ${step.name} off or on`, keys: 'D', run: () => toggleDisabled([stepId]) },
          { title: `Open ${step.name}`, keys: 'Enter', run: () => state.openStep(stepId) },
        ]
      : []),
    { title: 'Run the workflow', keys: 'Ctrl Enter', run: startRun },
    { title: 'Add a step', keys: 'N', run: () => state.add({}) },
    { title: 'Workflow settings and flow control', run: () => state.openSettings(true) },
    { title: 'Publish', run: () => state.setDialog('publish') },
    { title: 'Tidy up', keys: 'Shift L', run: () => void tidyUp() },
    { title: 'Undo', keys: 'Ctrl Z', run: () => state.undo() },
    { title: 'Redo', keys: 'Ctrl Shift Z', run: () => state.redo() },
    { title: 'Show the YAML beside the canvas', keys: 'Ctrl \\', run: () => state.setLook('split') },
    ...(openConflicts(state).length > 0
      ? [{ title: 'Answer conflicts', run: () => state.openConflict(state.conflictId) }]
      : []),
    { title: 'Changes and history', run: () => state.go('changes') },
    { title: 'Runs', run: () => state.go('runs') },
    { title: 'Deployments', run: () => state.go('deployments') },
    { title: 'Connections', run: () => state.go('connections') },
    { title: 'Settings and theme', run: () => state.go('settings') },
    { title: 'All shortcuts', keys: '?', run: () => state.setDialog('keys') },
    { title: 'All projects', run: () => void state.closeProject().then(() => state.loadProjects()) },
    ...(['light', 'dark', 'hc', 'system'] as const).map((theme) => ({
      title: `Theme: ${{ light: 'light', dark: 'dark', hc: 'high contrast', system: 'as the system' }[theme]}`,
      run: () => state.setPreference({ theme }),
    })),
  ];
  return plain.map((one) => ({
    ...one,
    id: `do ${one.title}`,
    group: 'Do',
    icon: one.title.startsWith('Theme') || one.title.startsWith('Settings') ? <Settings className="icon" /> : icon,
  }));
}

function types(wanted: string): Entry[] {
  return searchSteps(now().stepTypes, wanted, { triggers: undefined })
    .flatMap((group) => group.entries)
    .map((info) => ({
      id: `add ${info.type}`,
      group: 'Add a step',
      title: info.title,
      text: `${info.type}${info.description ? ` · ${info.description}` : ''}`,
      icon: wanted ? <StepIcon uses={info.type} /> : <Plus className="icon" />,
      run: () => {
        now().go('workflows');
        addStep(info.type, {});
      },
    }));
}

function parts(): Entry[] {
  const state = now();
  const { tree } = state.doc ?? {};
  const group = 'Elsewhere';
  return [
    ...Object.entries(tree?.workflows ?? {}).map(([id, workflow]) => ({
      id,
      group,
      title: workflow.name,
      text: 'workflow',
      icon: <Workflow className="icon" />,
      run: () => state.openWorkflowTab(id),
    })),
    ...Object.keys(tree?.scripts ?? {}).map((id) => ({
      id: `script ${id}`,
      group,
      title: id,
      text: 'script',
      icon: <FileCode className="icon" />,
      run: () => state.open({ kind: 'script', id }),
    })),
    ...Object.keys(tree?.environments ?? {}).map((id) => ({
      id: `environment ${id}`,
      group,
      title: id,
      text: 'environment',
      icon: <Globe className="icon" />,
      run: () => state.open({ kind: 'environment', id }),
    })),
  ];
}

function runs(): Entry[] {
  const state = now();
  return state.localRuns.slice(0, 20).map((run) => ({
    id: run.id,
    group: 'Runs',
    title: run.workflowName,
    text: `${run.status.replace('_', ' ')} · ${new Date(run.queuedAt).toLocaleString('en-GB')}`,
    icon: <History className="icon" />,
    run: () => void state.showRun(run, 'local'),
  }));
}
