import { ChevronDown, ChevronRight, Copy, FileCode, Globe, Pencil, Plug, Plus, Trash2, Workflow } from 'lucide-react';
import { type ReactNode, useState } from 'react';
import { useShallow } from 'zustand/react/shallow';
import { StateGlyph } from '../look/Badge.tsx';
import { Button } from '../look/Button.tsx';
import { cx } from '../look/cx.ts';
import { Menu, type MenuEntry, RowMenu } from '../look/Menu.tsx';
import { isOver } from '../state/runView.ts';
import { type EditorState, now, useEditor } from '../state/store.ts';
import type { Tab } from '../state/viewSlice.ts';
import { NameDialog, type Naming } from './NameDialog.tsx';
import { duplicateWorkflow, RemoveDialog, type Removing } from './projectParts.tsx';

/** What the project holds: workflows, scripts, environments, connections. */
export function ProjectTree() {
  const name = useEditor((state) => state.doc?.tree.project.name);
  const workflows = useEditor(useShallow((state) => list(state.doc?.tree.workflows, (one) => one.name)));
  const scripts = useEditor(useShallow((state) => Object.keys(state.doc?.tree.scripts ?? {}).sort()));
  const environments = useEditor(useShallow((state) => Object.keys(state.doc?.tree.environments ?? {}).sort()));
  const connections = useEditor(useShallow((state) => Object.keys(state.doc?.tree.connections ?? {}).sort()));
  const versions = useEditor(useShallow(activeVersions));
  const running = useEditor(useShallow(runningWorkflows));
  const [naming, setNaming] = useState<Naming>();
  const [removing, setRemoving] = useState<Removing>();

  const create: MenuEntry[] = [
    { label: 'New workflow', icon: <Workflow className="icon-s" />, onSelect: () => setNaming({ kind: 'workflow' }) },
    { label: 'New script', icon: <FileCode className="icon-s" />, onSelect: () => setNaming({ kind: 'script' }) },
    {
      label: 'New environment',
      icon: <Globe className="icon-s" />,
      onSelect: () => setNaming({ kind: 'environment' }),
    },
    { label: 'New connection', icon: <Plug className="icon-s" />, onSelect: () => now().go('connections') },
  ];

  return (
    <>
      <header className="flex h-8.5 flex-none items-center gap-1.5 pr-2 pl-3">
        <h2 className="min-w-0 flex-1 truncate text-list font-heading">{name}</h2>
        <Menu
          trigger={<Button look="ghost" size="sm" aria-label="New" icon={<Plus className="icon-s" />} />}
          entries={create}
        />
      </header>
      <div role="tree" aria-label="Project" className="min-h-0 flex-1 overflow-auto pb-2 text-list" onKeyDown={walk}>
        <Group title="Workflows" count={workflows.length}>
          {workflows.map((text) => {
            const [id = '', title = ''] = text.split('\u0000');
            return (
              <Row
                key={id}
                tab={{ kind: 'workflow', id }}
                icon={<Workflow className="icon-s" aria-hidden />}
                title={title}
                end={running.includes(id) && <StateGlyph state="running" />}
                menu={[
                  { label: 'Open', onSelect: () => now().openWorkflowTab(id) },
                  {
                    label: 'Rename',
                    icon: <Pencil className="icon-s" />,
                    onSelect: () => setNaming({ kind: 'workflow', id, name: title }),
                  },
                  { label: 'Duplicate', icon: <Copy className="icon-s" />, onSelect: () => duplicateWorkflow(id) },
                  'line',
                  {
                    label: 'Delete',
                    icon: <Trash2 className="icon-s" />,
                    danger: true,
                    onSelect: () => setRemoving({ kind: 'workflow', id, name: title }),
                  },
                ]}
              />
            );
          })}
        </Group>
        <Group title="Scripts" count={scripts.length}>
          {scripts.map((path) => (
            <Row
              key={path}
              tab={{ kind: 'script', id: path }}
              icon={<FileCode className="icon-s" aria-hidden />}
              title={path}
              menu={[
                {
                  label: 'Delete',
                  icon: <Trash2 className="icon-s" />,
                  danger: true,
                  onSelect: () => setRemoving({ kind: 'script', id: path, name: path }),
                },
              ]}
            />
          ))}
        </Group>
        <Group title="Environments" count={environments.length}>
          {environments.map((id) => (
            <Row
              key={id}
              tab={{ kind: 'environment', id }}
              icon={<Globe className="icon-s" aria-hidden />}
              title={id}
              end={versions.find((one) => one.startsWith(`${id} `))?.split(' ')[1]}
              menu={[
                {
                  label: 'Delete',
                  icon: <Trash2 className="icon-s" />,
                  danger: true,
                  onSelect: () => setRemoving({ kind: 'environment', id, name: id }),
                },
              ]}
            />
          ))}
        </Group>
        <Group title="Connections" count={connections.length}>
          {connections.map((id) => (
            <Row
              key={id}
              icon={<Plug className="icon-s" aria-hidden />}
              title={id}
              onOpen={() => now().go('connections')}
              menu={[{ label: 'Open', onSelect: () => now().go('connections') }]}
            />
          ))}
        </Group>
      </div>
      <NameDialog naming={naming} onClose={() => setNaming(undefined)} />
      <RemoveDialog removing={removing} onClose={() => setRemoving(undefined)} />
    </>
  );
}

function list<T>(records: Record<string, T> | undefined, nameOf: (one: T) => string): string[] {
  return Object.entries(records ?? {})
    .map(([id, one]) => `${id}\u0000${nameOf(one)}`)
    .sort((a, b) => a.slice(a.indexOf('\u0000')).localeCompare(b.slice(b.indexOf('\u0000'))));
}

const activeVersions = (state: EditorState) =>
  state.deployments.filter((one) => one.status === 'active').map((one) => `${one.environment} v${one.versionNumber}`);

const runningWorkflows = (state: EditorState) =>
  Object.entries(state.shownRun).flatMap(([workflowId, runId]) => {
    const run = state.runs[runId]?.run;
    return run && run.seq > 0 && !isOver(run.status) ? [workflowId] : [];
  });

/** Arrows move through the rows. */
function walk(event: React.KeyboardEvent<HTMLElement>) {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (step === undefined) return;
  const rows = [...event.currentTarget.querySelectorAll<HTMLElement>('[role=treeitem]')];
  const next = rows[rows.indexOf(document.activeElement as HTMLElement) + step];
  if (!next) return;
  event.preventDefault();
  next.focus();
}

function Group({ title, count, children }: { title: string; count: number; children: ReactNode }) {
  const [open, setOpen] = useState(true);
  return (
    <>
      <button
        type="button"
        role="treeitem"
        aria-level={1}
        aria-selected={false}
        aria-expanded={open}
        onClick={() => setOpen(!open)}
        onKeyDown={(event) =>
          event.key === 'ArrowLeft' ? setOpen(false) : event.key === 'ArrowRight' && setOpen(true)
        }
        className="mx-1.5 flex h-6.5 w-[calc(100%-12px)] items-center gap-1.5 rounded-[5px] px-2 text-ink-2 hover:bg-hover focus-visible:-outline-offset-2"
      >
        {open ? (
          <ChevronDown className="icon-xs text-ink-3" aria-hidden />
        ) : (
          <ChevronRight className="icon-xs text-ink-3" aria-hidden />
        )}
        <span className="flex-1 text-left">{title}</span>
        <span className="text-micro tabular-nums text-ink-3">{count}</span>
      </button>
      {open && children}
    </>
  );
}

type RowProps = { tab?: Tab; icon: ReactNode; title: string; end?: ReactNode; menu: MenuEntry[]; onOpen?: () => void };

function Row({ tab, icon, title, end, menu, onOpen }: RowProps) {
  const on = useEditor((state) => tab !== undefined && state.openTab?.kind === tab.kind && state.openTab.id === tab.id);
  return (
    <RowMenu entries={menu}>
      <button
        type="button"
        role="treeitem"
        aria-level={2}
        aria-selected={on}
        title={title}
        onClick={onOpen ?? (() => tab && now().open(tab))}
        className={cx(
          'mx-1.5 flex h-6.5 w-[calc(100%-12px)] items-center gap-1.5 rounded-[5px] pr-2 pl-5.5 text-left focus-visible:-outline-offset-2',
          on ? 'bg-selected font-control text-ink' : 'text-ink-2 hover:bg-hover',
        )}
      >
        <span className={on ? 'flex text-accent-ink' : 'flex text-ink-3'}>{icon}</span>
        <span className="min-w-0 flex-1 truncate">{title}</span>
        {end && <span className="flex-none text-micro text-ink-3">{end}</span>}
      </button>
    </RowMenu>
  );
}
