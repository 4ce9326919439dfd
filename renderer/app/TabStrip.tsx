import { FileCode, Globe, SlidersHorizontal, Workflow, X } from 'lucide-react';
import { Button } from '../look/Button.tsx';
import { cx } from '../look/cx.ts';
import { Segmented } from '../look/Segmented.tsx';
import { now, useEditor } from '../state/store.ts';
import type { Tab } from '../state/viewSlice.ts';
import { ONE_AT_A_TIME_BELOW, useWidth } from './useWidth.ts';

const LOOKS = [
  { value: 'canvas', label: 'Canvas' },
  { value: 'split', label: 'Split' },
  { value: 'yaml', label: 'YAML' },
] as const;
const ICONS = { workflow: Workflow, script: FileCode, environment: Globe };

export function TabStrip() {
  const tabs = useEditor((state) => state.tabs);
  const look = useEditor((state) => state.look);
  // In a narrow window the data take the place of the workflow; each of its looks leads back to it.
  const narrow = useWidth() < ONE_AT_A_TIME_BELOW;
  const covered = useEditor((state) => state.bottom.open && state.look !== 'yaml') && narrow;
  const settings = useEditor((state) => state.settingsOpen && state.look === 'canvas');
  const isWorkflow = useEditor((state) => state.openTab?.kind === 'workflow');
  return (
    <div className="flex h-8.5 flex-none items-stretch border-b border-line bg-app">
      <ul aria-label="Open files" className="flex min-w-0 flex-1 overflow-x-auto">
        {tabs.map((tab) => (
          <OneTab key={`${tab.kind} ${tab.id}`} tab={tab} />
        ))}
      </ul>
      {isWorkflow && (
        <div className="flex flex-none items-center gap-1.5 px-2">
          <Button
            look="ghost"
            size="sm"
            aria-label="Workflow settings"
            pressed={settings}
            icon={<SlidersHorizontal className="icon-s" />}
            onClick={() => {
              now().openSettings(!settings);
              if (covered) now().setBottom({ open: false });
            }}
          />
          <Segmented
            label="Workflow as"
            value={covered ? undefined : look}
            options={LOOKS}
            onChange={(next) => {
              now().setLook(next);
              if (covered) now().setBottom({ open: false });
            }}
          />
        </div>
      )}
    </div>
  );
}

function OneTab({ tab }: { tab: Tab }) {
  const on = useEditor((state) => state.openTab?.kind === tab.kind && state.openTab.id === tab.id);
  const title = useEditor((state) =>
    tab.kind === 'workflow' ? (state.doc?.tree.workflows[tab.id]?.name ?? 'Deleted') : tab.id,
  );
  const Icon = ICONS[tab.kind];
  return (
    <li
      className={cx(
        'group relative flex max-w-56 flex-none items-center border-r border-line text-list',
        on ? '-mb-px bg-canvas font-control text-ink' : 'text-ink-3 hover:text-ink',
      )}
    >
      <button
        type="button"
        aria-current={on ? 'page' : undefined}
        onClick={() => now().open(tab)}
        className="flex h-full min-w-0 items-center gap-1.5 py-0 pr-1 pl-3 focus-visible:-outline-offset-2"
      >
        <Icon className="icon-s" aria-hidden />
        <span className="truncate">{title}</span>
      </button>
      <button
        type="button"
        aria-label={`Close ${title}`}
        onClick={() => now().closeTab(tab)}
        className={cx(
          'mr-1 flex size-6 flex-none items-center justify-center rounded-chip hover:bg-press focus-visible:opacity-100',
          on ? 'opacity-60' : 'opacity-0 group-hover:opacity-60',
        )}
      >
        <X className="icon-xs" aria-hidden />
      </button>
    </li>
  );
}
