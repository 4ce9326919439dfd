import { ChevronDown, Play, Search, Square } from 'lucide-react';
import { useShallow } from 'zustand/react/shallow';
import { runFrom, runOne } from '../canvas/commands.ts';
import { SyncStatus } from '../changes/SyncStatus.tsx';
import { Button } from '../look/Button.tsx';
import { Kbd } from '../look/Kbd.tsx';
import { Mark } from '../look/Mark.tsx';
import { Menu, type MenuEntry } from '../look/Menu.tsx';
import { StepIcon } from '../look/stepIcon.tsx';
import { Tooltip } from '../look/Tooltip.tsx';
import { PublishButton } from '../publish/PublishButton.tsx';
import { openWorkflow } from '../state/documentSlice.ts';
import { isReadOnly } from '../state/historySlice.ts';
import { hasComputer, liveDeployment } from '../state/hostFacts.ts';
import { isRunning } from '../state/runSlice.ts';
import { triggerIds } from '../state/stepLists.ts';
import { now, useEditor } from '../state/store.ts';
import { People } from './People.tsx';

export function TitleBar() {
  const project = useEditor((state) => state.doc?.tree.project.name);
  const title = useEditor((state) => openWorkflow(state)?.name ?? state.openTab?.id);
  const Title = useEditor((state) => (state.area === 'workflows' || state.area === 'changes' ? 'h1' : 'span'));
  const mac = useEditor((state) => state.host?.platform === 'darwin' && state.host.shell === 'electron');
  return (
    <header
      className="relative flex items-center gap-2 border-b border-line bg-app pr-2 pl-3 [-webkit-app-region:drag] [&_button]:[-webkit-app-region:no-drag]"
      style={mac ? { paddingLeft: 88 } : undefined}
    >
      <Tooltip text="All projects">
        <button
          type="button"
          aria-label="All projects"
          onClick={() =>
            void now()
              .closeProject()
              .then(() => now().loadProjects())
          }
          className="rounded-[6px]"
        >
          <Mark />
        </button>
      </Tooltip>
      <span className="ml-0.5 flex min-w-0 items-center gap-1.5">
        <span className="max-w-40 truncate text-ink-3 max-md:hidden">{project}</span>
        {title && <span className="text-ink-3 max-md:hidden">/</span>}
        {/* Every other screen has a heading of its own. */}
        <Title className="max-w-52 truncate font-heading">{title}</Title>
      </span>
      <SyncStatus look="title" />
      <button
        type="button"
        onClick={() => now().setDialog('commands')}
        className="absolute left-1/2 flex h-6.5 w-85 -translate-x-1/2 items-center gap-1.75 rounded-control bg-panel pr-1.25 pl-2.25 text-small text-ink-3 shadow-[inset_0_0_0_1px_var(--line)] hover:text-ink-2 max-lg:static max-lg:ml-2 max-lg:w-auto max-lg:translate-x-0"
      >
        <Search className="icon-s" aria-hidden />
        <span className="flex-1 text-left max-lg:sr-only">Search or run a command</span>
        <span className="max-lg:hidden">
          <Kbd keys="Ctrl K" />
        </span>
      </button>
      <span className="ml-auto flex items-center gap-1.5">
        <People />
        <RunButton />
        <PublishButton />
      </span>
    </header>
  );
}

function RunButton() {
  const running = useEditor(isRunning);
  const starting = useEditor((state) => state.starting);
  const trusted = useEditor((state) => state.doc?.info.trusted ?? false);
  const ids = useEditor(useShallow((state) => triggerIds(state.stepTypes, openWorkflow(state))));
  const triggers = useEditor(useShallow((state) => ids.map((id) => openWorkflow(state)?.steps[id])));
  const readOnly = useEditor(isReadOnly);
  const selected = useEditor((state) => (state.selection.length === 1 ? state.selection[0] : undefined));
  const mayLook = useEditor((state) => state.doc?.info.readOnly === true);
  const computer = useEditor(hasComputer);
  const live = useEditor(liveDeployment);
  if (running) {
    return (
      <Button look="danger" icon={<Square className="icon-s" />} onClick={() => void now().stop()}>
        Stop
      </Button>
    );
  }
  const blocked = !trusted
    ? 'The folder is not trusted yet.'
    : mayLook
      ? 'You may only look at this project.'
      : readOnly
        ? 'What is shown cannot be run. Go back to editing first.'
        : ids.length === 0
          ? 'The workflow has no trigger. Add one to run it.'
          : !computer && !live && 'Here only what is published runs. Publish it first.';
  const entries: MenuEntry[] = [
    ...ids.map((id, index) => ({
      label: `Run from ${triggers[index]?.name ?? id}`,
      icon: <StepIcon uses={triggers[index]?.uses ?? ''} className="icon-s" />,
      onSelect: () => runFrom(id),
    })),
    ...(selected && computer
      ? ([
          'line',
          { label: 'Run from the selected step', keys: 'Shift R', onSelect: () => runFrom(selected) },
          { label: 'Run only the selected step', onSelect: () => runOne(selected) },
        ] as MenuEntry[])
      : []),
  ];
  return (
    <span className="flex">
      <Button
        icon={<Play className="icon-s" />}
        busy={starting && 'Starting'}
        blocked={blocked}
        className="rounded-r-none"
        onClick={() => startRun()}
      >
        {computer || !live ? 'Run' : `Run v${live.versionNumber}`}
      </Button>
      <Menu
        trigger={
          <button
            type="button"
            aria-label="More ways to run"
            disabled={Boolean(blocked)}
            className="ml-px flex h-7 w-6 items-center justify-center rounded-r-control bg-raised text-ink-2 shadow-[inset_0_0_0_1px_var(--line-2)] hover:bg-hover disabled:bg-transparent disabled:text-ink-off"
          >
            <ChevronDown className="icon-xs" aria-hidden />
          </button>
        }
        entries={entries}
      />
    </span>
  );
}

/** Runs from the manual trigger, else the selected one, else the first. */
export function startRun(): void {
  const state = now();
  const workflow = openWorkflow(state);
  const ids = triggerIds(state.stepTypes, workflow);
  const chosen =
    ids.find((id) => state.selection.includes(id)) ??
    ids.find((id) => workflow?.steps[id]?.uses === 'trigger.manual') ??
    ids[0];
  if (chosen && state.doc?.info.trusted && !isRunning(state)) void state.start({ triggerStepId: chosen });
}
