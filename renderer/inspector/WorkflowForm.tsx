import { X } from 'lucide-react';
import { useEffect, useState } from 'react';
import { slugOf } from '#shared/ids.ts';
import type { Settings } from '#shared/workflow/tree.ts';
import { Button } from '../look/Button.tsx';
import { Field, Input } from '../look/Input.tsx';
import { Kbd } from '../look/Kbd.tsx';
import { Select } from '../look/Select.tsx';
import { openWorkflow } from '../state/documentSlice.ts';
import { isReadOnly } from '../state/historySlice.ts';
import { now, useEditor } from '../state/store.ts';
import { DurationField } from './DurationField.tsx';
import { ErrorWorkflow } from './ErrorWorkflow.tsx';
import { FlowControl } from './FlowControl.tsx';
import { TagsField } from './TagsField.tsx';
import { useSettings } from './useSettings.ts';

const ZONES = [
  ...new Set(['UTC', Intl.DateTimeFormat().resolvedOptions().timeZone, ...Intl.supportedValuesOf('timeZone')]),
].map((zone) => ({ value: zone, label: zone }));
const KEEP = [
  { value: 'all', label: 'Every run' },
  { value: 'failures', label: 'Failed runs' },
  { value: 'none', label: 'Nothing' },
];
const DURABILITY = [
  { value: 'step', label: 'The step at work', hint: 'safest' },
  { value: 'run', label: 'Steps without effects' },
  { value: 'none', label: 'The whole run', hint: 'fastest' },
];
const LEVELS = [
  { value: 'debug', label: 'Everything' },
  { value: 'info', label: 'Information and above' },
  { value: 'warn', label: 'Warnings and errors' },
  { value: 'error', label: 'Errors only' },
];

/** The settings of the workflow itself. */
export function WorkflowForm() {
  const workflow = useEditor(openWorkflow);
  const readOnly = useEditor(isReadOnly);
  const closes = useEditor((state) => state.settingsOpen);
  const all = useSettings();
  const [name, setName] = useState(workflow?.name ?? '');
  useEffect(() => setName(workflow?.name ?? ''), [workflow?.name]);
  if (!workflow || !all) return null;
  const { settings, set, problemOf } = all;

  function rename() {
    const { workflowId, edit } = now();
    const trimmed = name.trim();
    if (!workflowId || !trimmed || trimmed === workflow?.name) return setName(workflow?.name ?? '');
    edit([{ type: 'renameWorkflow', workflowId, name: trimmed, slug: slugOf(trimmed) }]);
  }

  return (
    <>
      <header className="flex h-10.5 flex-none items-center gap-2 border-b border-line pr-2 pl-4">
        <h2 className="truncate text-body font-heading">{workflow.name}</h2>
        <span className="text-small text-ink-3">workflow</span>
        {closes && (
          <Button
            look="ghost"
            size="sm"
            className="ml-auto"
            aria-label="Close the settings"
            icon={<X className="icon-s" />}
            onClick={() => now().openSettings(false)}
          />
        )}
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
        <TagsField />
        <Field label="Time zone" help="Schedules and dates are read in it." error={problemOf('timezone')}>
          {(ids) => (
            <Select
              {...ids}
              value={settings.timezone ?? 'UTC'}
              options={ZONES}
              onChange={(timezone) => set({ timezone: timezone === 'UTC' ? undefined : timezone })}
            />
          )}
        </Field>
        <DurationField
          label="Stop a run after"
          help="Of active time; waiting does not count."
          optional
          value={settings.timeoutMs}
          min={1}
          max={3_600_000}
          onChange={(timeoutMs) => set({ timeoutMs })}
        />
        <hr className="border-line" />
        <FlowControl {...all} />
        <hr className="border-line" />
        <h3 className="-mb-2 text-body font-heading">When something goes wrong</h3>
        <ErrorWorkflow {...all} />
        <Field
          label="A crash may cost"
          help="What is not kept is done again; an effect that may have happened never is, unasked."
          error={problemOf('durability')}
        >
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
        <Field label="Write to the log">
          {(ids) => (
            <Select
              {...ids}
              value={settings.logLevel}
              options={LEVELS}
              onChange={(value) => set({ logLevel: value as Settings['logLevel'] })}
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
