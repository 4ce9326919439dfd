import { GitCompareArrows, History, Plug, Rocket, Settings, Workflow } from 'lucide-react';
import { AccountMenu } from '../account/AccountMenu.tsx';
import { Tooltip } from '../look/Tooltip.tsx';
import { openConflicts } from '../state/conflictsSlice.ts';
import { now, useEditor } from '../state/store.ts';
import type { Area } from '../state/viewSlice.ts';
import { TreeSheet } from './TreeSheet.tsx';

const AREAS: { area: Area; label: string; icon: typeof Workflow }[] = [
  { area: 'workflows', label: 'Workflows', icon: Workflow },
  { area: 'runs', label: 'Runs', icon: History },
  { area: 'changes', label: 'Changes', icon: GitCompareArrows },
  { area: 'deployments', label: 'Deployments', icon: Rocket },
  { area: 'connections', label: 'Connections', icon: Plug },
];

export function Rail() {
  const failed = useEditor((state) => state.hostedRuns.filter((run) => run.wait?.reason === 'needs_attention').length);
  const conflicts = useEditor((state) => openConflicts(state).length);
  const counts: Partial<Record<Area, number>> = { runs: failed, changes: conflicts };
  return (
    <nav
      aria-label="Areas"
      className="flex w-11 flex-none flex-col items-center gap-0.5 border-r border-line bg-app py-1.5"
    >
      {AREAS.map((one) => (
        <RailButton key={one.area} {...one} count={counts[one.area] ?? 0} />
      ))}
      <TreeSheet />
      <span className="flex-1" />
      <RailButton area="settings" label="Settings" icon={Settings} count={0} />
      <AccountMenu />
    </nav>
  );
}

function RailButton({
  area,
  label,
  icon: Icon,
  count,
}: {
  area: Area;
  label: string;
  icon: typeof Workflow;
  count: number;
}) {
  const on = useEditor((state) => state.area === area);
  const words = count > 0 ? `${label}, ${count} ${count === 1 ? 'needs' : 'need'} a decision` : label;
  return (
    <Tooltip text={words} side="right">
      <button
        type="button"
        aria-label={words}
        aria-current={on ? 'page' : undefined}
        onClick={() => now().go(area)}
        className="relative flex size-8 items-center justify-center rounded-[7px] text-ink-3 hover:text-ink aria-[current]:bg-press aria-[current]:text-ink aria-[current]:before:absolute aria-[current]:before:inset-y-2 aria-[current]:before:-left-1.5 aria-[current]:before:w-0.5 aria-[current]:before:rounded-r-[2px] aria-[current]:before:bg-accent"
      >
        <Icon className="icon" aria-hidden />
        {count > 0 && (
          <span className="absolute top-0 right-0 h-3.5 min-w-3.5 rounded-[7px] bg-wait-mark px-0.75 text-center text-[9.5px]/[14px] font-[650] text-[oklch(.18_.03_70)] shadow-[0_0_0_2px_var(--app)]">
            {count}
          </span>
        )}
      </button>
    </Tooltip>
  );
}
