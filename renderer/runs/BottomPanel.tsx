import { ChevronDown, ChevronUp, CircleAlert, CircleCheck, X } from 'lucide-react';
import type { Problem } from '#shared/workflow/problem.ts';
import { Button } from '../look/Button.tsx';
import { cx } from '../look/cx.ts';
import { TabRow } from '../look/Tabs.tsx';
import { shownRunOf } from '../state/runSlice.ts';
import { now, useEditor } from '../state/store.ts';
import { DataPanel } from './DataPanel.tsx';
import { RunLog } from './RunLog.tsx';

const PANEL = 'bottom-panel';
const TITLES = { data: 'Data', log: 'Run log', problems: 'Problems' };

export function BottomPanel() {
  const { tab, full } = useEditor((state) => state.bottom);
  const lines = useEditor((state) => shownRunOf(state)?.logs.length ?? 0);
  const problems = useEditor((state) => state.doc?.problems.length ?? 0);
  const tabs = [
    { value: 'data', label: TITLES.data },
    { value: 'log', label: TITLES.log, count: lines },
    { value: 'problems', label: TITLES.problems, count: problems },
  ] as const;
  return (
    <div className="flex min-h-0 flex-1 flex-col bg-panel">
      {/* biome-ignore lint/a11y/noStaticElementInteractions: the button at its end does the same. */}
      <div onDoubleClick={() => now().setBottom({ full: !full })}>
        <TabRow
          label="Panel"
          panel={PANEL}
          value={tab}
          tabs={tabs}
          onChange={(next) => now().setBottom({ tab: next })}
          end={
            <>
              <Button
                look="ghost"
                size="sm"
                aria-label={full ? 'Make smaller' : 'Maximise'}
                icon={full ? <ChevronDown className="icon-s" /> : <ChevronUp className="icon-s" />}
                onClick={() => now().setBottom({ full: !full })}
              />
              <Button
                look="ghost"
                size="sm"
                aria-label="Close the panel"
                icon={<X className="icon-s" />}
                onClick={() => now().setBottom({ open: false, full: false })}
              />
            </>
          }
        />
      </div>
      <div id={PANEL} role="tabpanel" aria-label={TITLES[tab]} className="flex min-h-0 flex-1 flex-col">
        {tab === 'data' && <DataPanel />}
        {tab === 'log' && <RunLog />}
        {tab === 'problems' && <Problems />}
      </div>
    </div>
  );
}

const NONE: Problem[] = [];

function Problems() {
  const problems = useEditor((state) => state.doc?.problems ?? NONE);
  if (problems.length === 0) {
    return (
      <p className="flex items-center gap-1.5 p-4 text-small text-ok-ink">
        <CircleCheck className="icon-s" aria-hidden /> No problems
      </p>
    );
  }
  return (
    <ul className="min-h-0 flex-1 overflow-auto py-1">
      {problems.map((problem) => (
        <li key={`${problem.file}:${problem.line}:${problem.column}:${problem.code}:${problem.message}`}>
          <button
            type="button"
            onClick={() => openProblem(problem)}
            className="flex w-full items-start gap-2 px-3 py-1.5 text-left text-small hover:bg-hover focus-visible:-outline-offset-2"
          >
            <CircleAlert
              className={cx('icon-s mt-px', problem.severity === 'error' ? 'text-bad-ink' : 'text-wait-ink')}
              aria-label={problem.severity}
            />
            <span className="min-w-0 flex-1">
              <span className="text-ink">{problem.message}</span> <span className="text-ink-3">{problem.advice}</span>
            </span>
            <span className="flex-none font-mono text-[11px] text-ink-3">
              {problem.file}:{problem.line}
            </span>
          </button>
        </li>
      ))}
    </ul>
  );
}

function openProblem(problem: Problem): void {
  const state = now();
  if (problem.workflowId && state.doc?.tree.workflows[problem.workflowId]) {
    state.openWorkflowTab(problem.workflowId);
    if (problem.stepId) state.select([problem.stepId]);
    else state.setLook('split');
    return;
  }
  const script = problem.file.replace(/^scripts\//, '');
  if (problem.file.startsWith('scripts/')) state.open({ kind: 'script', id: script });
  const environment = /^environments\/(.+)\.ya?ml$/.exec(problem.file)?.[1];
  if (environment) state.open({ kind: 'environment', id: environment });
  if (problem.file === 'connections.yaml') state.go('connections');
}
