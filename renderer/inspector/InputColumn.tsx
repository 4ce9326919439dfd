import { ChevronRight, Play } from 'lucide-react';
import { useState } from 'react';
import type { Workflow } from '#shared/workflow/tree.ts';
import { runOne } from '../canvas/commands.ts';
import { Count } from '../look/Badge.tsx';
import { Button } from '../look/Button.tsx';
import { plural } from '../look/format.ts';
import { type DataLook, DataLooks, SearchableData } from '../runs/ItemsView.tsx';
import { SchemaTree } from '../runs/SchemaTree.tsx';
import { hasComputer } from '../state/hostFacts.ts';
import { outputAtHand, useStepInput } from '../state/stepData.ts';
import { stepsBefore } from '../state/steps.ts';
import { now, useEditor } from '../state/store.ts';
import { giveExpression } from './fieldFocus.ts';
import { ItemSwitch } from './ItemSwitch.tsx';

function takeExpression(expression: string) {
  if (!giveExpression(expression))
    now().say({ kind: 'info', title: 'Put the cursor into a field first', text: 'Or drag the value onto the field.' });
}

/** What comes into a step, and what else its expressions can read. */
export function InputColumn({ stepId, workflow }: { stepId: string; workflow: Workflow }) {
  const { items, from, waiting } = useStepInput(stepId);
  const index = useEditor((state) => state.itemIndex);
  const [look, setLook] = useState<DataLook>('schema');
  const computer = useEditor(hasComputer);
  const source = from ? workflow.steps[from]?.name : undefined;
  return (
    <section aria-label="Input" className="flex min-h-0 min-w-0 flex-col">
      <div className="flex h-10 flex-none items-center gap-2 border-b border-line px-3">
        <h2 className="text-list font-heading">Input</h2>
        <Count>{plural(items.length, 'item')}</Count>
        <span className="ml-auto">
          <DataLooks look={look} onLook={setLook} />
        </span>
      </div>
      {waiting ? (
        <p className="p-4 text-small text-ink-3">Reading the items…</p>
      ) : items.length === 0 ? (
        <div className="flex flex-col items-start gap-2 p-4 text-small text-ink-3">
          <p>No items yet. Run the steps before this one to see what comes in and to try expressions on it.</p>
          {computer && (
            <Button size="sm" icon={<Play className="icon-s" />} onClick={() => runOne(stepId)}>
              Run up to here
            </Button>
          )}
        </div>
      ) : (
        <SearchableData
          items={items}
          look={look}
          root="$json"
          selected={index}
          onSelect={(next) => now().setItemIndex(next)}
          onUse={takeExpression}
          above={
            look !== 'table' && (
              <p className="flex flex-none items-center gap-1 px-3 pt-1 text-micro font-name text-ink-3">
                {source}
                {source && ','} item {Math.min(index, items.length - 1) + 1} of {items.length}
                <ItemSwitch count={items.length} />
              </p>
            )
          }
        />
      )}
      <AlsoInReach stepId={stepId} direct={from} workflow={workflow} />
    </section>
  );
}

/** Steps further back and the environment's variables: everything else an expression can read. */
function AlsoInReach({ stepId, direct, workflow }: { stepId: string; direct: string | undefined; workflow: Workflow }) {
  const [open, setOpen] = useState<string>();
  const env = useEditor((state) => state.doc?.tree.environments.local?.vars);
  const others = stepsBefore(workflow, stepId).filter((id) => id !== direct);
  const rows = [
    ...others.map((id) => ({
      key: id,
      title: workflow.steps[id]?.name ?? id,
      root: `$('${id}').item.json`,
      value: outputAtHand(now(), id)?.[0]?.json,
    })),
    ...(env && Object.keys(env).length > 0 ? [{ key: '$env', title: '$env', root: '$env', value: env }] : []),
  ];
  if (rows.length === 0) return null;
  return (
    <div className="max-h-[45%] flex-none overflow-auto border-t border-line px-2 py-2">
      <h3 className="px-1 pb-1 text-micro font-name text-ink-3">Also in reach</h3>
      {rows.map((row) => (
        <div key={row.key}>
          <button
            type="button"
            aria-expanded={open === row.key}
            onPointerDown={(event) => event.preventDefault()}
            onClick={() => setOpen(open === row.key ? undefined : row.key)}
            className="flex h-6.5 w-full items-center gap-1.5 rounded-[5px] px-1 text-list hover:bg-hover"
          >
            <ChevronRight className={open === row.key ? 'icon-xs rotate-90' : 'icon-xs'} aria-hidden />
            <span className="truncate">{row.title}</span>
            <span className="ml-auto flex-none font-mono text-[11px] text-ink-3">
              {row.value ? plural(Object.keys(row.value).length, 'field') : 'not run'}
            </span>
          </button>
          {open === row.key && row.value && <SchemaTree value={row.value} root={row.root} onUse={takeExpression} />}
        </div>
      ))}
    </div>
  );
}
