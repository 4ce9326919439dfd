import { useEffect, useState } from 'react';
import { slugOf } from '#shared/ids.ts';
import type { Settings } from '#shared/workflow/tree.ts';
import { Field, Input } from '../look/Input.tsx';
import { Kbd } from '../look/Kbd.tsx';
import { Select } from '../look/Select.tsx';
import { openWorkflow } from '../state/documentSlice.ts';
import { now, useEditor } from '../state/store.ts';
import { NumberField } from './ErrorForm.tsx';

const ZONES = [
  ...new Set(['UTC', Intl.DateTimeFormat().resolvedOptions().timeZone, ...Intl.supportedValuesOf('timeZone')]),
].map((zone) => ({ value: zone, label: zone }));
const KEEP = [
  { value: 'all', label: 'Every run' },
  { value: 'failures', label: 'Failed runs' },
  { value: 'none', label: 'Nothing' },
];
const DURABILITY = [
  { value: 'step', label: 'Every step', hint: 'safest' },
  { value: 'run', label: 'Effects and the run' },
  { value: 'none', label: 'Nothing', hint: 'fastest' },
];

/** The settings of the workflow itself, shown while no step is selected. */
export function WorkflowForm() {
  const workflow = useEditor(openWorkflow);
  const readOnly = useEditor((state) => state.readOnlyRun !== undefined);
  const [name, setName] = useState(workflow?.name ?? '');
  useEffect(() => setName(workflow?.name ?? ''), [workflow?.name]);
  if (!workflow) return null;
  const { settings } = workflow;

  function set(change: Partial<Settings>) {
    const { workflowId, edit } = now();
    if (!workflowId || !workflow) return;
    const next = { ...workflow.settings, ...change };
    for (const key of Object.keys(next) as (keyof Settings)[]) if (next[key] === undefined) delete next[key];
    edit([{ type: 'setSettings', workflowId, settings: next }], `settings ${Object.keys(change).join()}`);
  }

  function rename() {
    const { workflowId, edit } = now();
    const trimmed = name.trim();
    if (!workflowId || !trimmed || trimmed === workflow?.name) return setName(workflow?.name ?? '');
    edit([{ type: 'renameWorkflow', workflowId, name: trimmed, slug: slugOf(trimmed) }]);
  }

  return (
    <>
      <header className="flex h-10.5 flex-none items-center gap-2 border-b border-line px-4">
        <h2 className="truncate text-body font-heading">{workflow.name}</h2>
        <span className="text-small text-ink-3">workflow</span>
      </header>
      <fieldset disabled={readOnly} className="flex min-h-0 flex-1 flex-col gap-4 overflow-auto p-4">
        <Field label="Name">
          {(ids) => (
            <Input
              {...ids}
              value={name}
              maxLength={120}
              onChange={(event) => setName(event.target.value)}
              onBlur={rename}
              onKeyDown={(event) => event.key === 'Enter' && event.currentTarget.blur()}
            />
          )}
        </Field>
        <Field label="Time zone" help="Schedules and dates are read in it.">
          {(ids) => (
            <Select
              {...ids}
              value={settings.timezone ?? 'UTC'}
              options={ZONES}
              onChange={(timezone) => set({ timezone: timezone === 'UTC' ? undefined : timezone })}
            />
          )}
        </Field>
        <NumberField
          label="Stop a run after"
          unit="ms of active time"
          optional
          value={settings.timeoutMs}
          min={1}
          max={3_600_000}
          onChange={(timeoutMs) => set({ timeoutMs })}
        />
        <NumberField
          label="Runs at once"
          optional
          value={settings.concurrency}
          min={1}
          max={1_000}
          onChange={(concurrency) => set({ concurrency })}
        />
        <Field label="A crash may cost" help="Less kept is faster; an effect is never repeated unasked.">
          {(ids) => (
            <Select
              {...ids}
              value={settings.durability}
              options={DURABILITY}
              onChange={(value) => set({ durability: value as Settings['durability'] })}
            />
          )}
        </Field>
        <Field label="Keep run data">
          {(ids) => (
            <Select
              {...ids}
              value={settings.keep}
              options={KEEP}
              onChange={(value) => set({ keep: value as Settings['keep'] })}
            />
          )}
        </Field>
      </fieldset>
      <footer className="flex h-11 flex-none items-center gap-2 border-t border-line px-4 text-small text-ink-3">
        <Kbd keys="?" /> all shortcuts
      </footer>
    </>
  );
}
