import { ArrowDown, ArrowUp, Plus, Trash2 } from 'lucide-react';
import { memo, type ReactNode } from 'react';
import { isJsonObject, type Json, type JsonObject } from '#shared/json.ts';
import { Button } from '../look/Button.tsx';
import { Field, Input } from '../look/Input.tsx';
import { Select } from '../look/Select.tsx';
import { Switch } from '../look/Switch.tsx';
import { useEditor } from '../state/store.ts';
import { CronField } from './CronField.tsx';
import { ExpressionField } from './ExpressionField.tsx';
import { type FieldModel, isExpression, readAnyValue, showAnyValue, shownFields } from './formSchema.ts';
import { MapField } from './MapField.tsx';
import { MonacoEditor } from './MonacoEditor.tsx';
import type { FieldScope } from './usePreviewScope.ts';

export type ConfigFieldProps = {
  field: FieldModel;
  value: Json | undefined;
  /** Without a value the field goes away and its default counts. */
  onChange: (value: Json | undefined) => void;
  data: FieldScope;
  /** Names the place, for code editors. */
  path: string;
  error?: ReactNode;
  /** Without its own label: an entry of a list. */
  bare?: boolean;
};

/** One setting of a step, drawn from its schema. */
export const ConfigField = memo(function ConfigField(props: ConfigFieldProps) {
  const { field, value, onChange, bare, error } = props;
  if (field.kind === 'object' || field.kind === 'list' || field.kind === 'map') {
    const Body = field.kind === 'object' ? ObjectField : field.kind === 'list' ? ListField : MapField;
    if (bare) return <Body {...props} />;
    return (
      <fieldset className="flex min-w-0 flex-col gap-1.5">
        <legend className="mb-1.5 flex items-center gap-1.5 text-small font-control text-ink-2">
          {field.title}
          {isOptional(field) && <span className="text-micro font-normal text-ink-3">optional</span>}
        </legend>
        <Body {...props} />
        {(error || field.help) && (
          <p className={error ? 'text-micro text-bad-ink' : 'text-micro text-ink-3'}>{error ?? field.help}</p>
        )}
      </fieldset>
    );
  }
  if (field.kind === 'boolean' && typeof value !== 'string') {
    const on = typeof value === 'boolean' ? value : field.fallback === true;
    return (
      <Field label={field.title} help={field.help} error={error}>
        {(ids) => <Switch {...ids} checked={on} onChange={onChange} />}
      </Field>
    );
  }
  if (bare) return <Control {...props} ids={{ 'aria-label': field.title }} />;
  return (
    <Field label={field.title} help={field.help} error={error} optional={isOptional(field)}>
      {(ids) => <Control {...props} ids={ids} />}
    </Field>
  );
});

/** A field that comes with a choice is what the choice is about. */
const isOptional = ({ required, fallback, showWhen }: FieldModel) =>
  !required && fallback === undefined && showWhen === undefined;

type ControlProps = ConfigFieldProps & {
  ids: { id?: string; 'aria-describedby'?: string; 'aria-invalid'?: boolean; 'aria-label'?: string };
};

function Control({ field, value, onChange, data, path, ids }: ControlProps) {
  const scripts = useEditor((state) => (field.kind === 'script' ? state.doc?.tree.scripts : undefined));
  const workflows = useEditor((state) => (field.kind === 'workflow' ? state.doc?.tree.workflows : undefined));
  const hint =
    field.placeholder ??
    (field.fallback === undefined || field.fallback === '' ? undefined : showAnyValue(field.fallback));
  const write = (text: string) => onChange(text === '' ? undefined : text);

  switch (field.kind) {
    case 'select': {
      if (isExpression(value)) break;
      const chosen =
        typeof value === 'string' ? value : typeof field.fallback === 'string' ? field.fallback : undefined;
      return <Select {...ids} value={chosen} options={field.options ?? []} onChange={onChange} />;
    }
    case 'script': {
      const options = Object.keys(scripts ?? {}).map((name) => ({ value: `scripts/${name}`, label: name }));
      const chosen =
        typeof value === 'string' ? (value.startsWith('scripts/') ? value : `scripts/${value}`) : undefined;
      return (
        <Select
          {...ids}
          value={chosen}
          placeholder={options.length > 0 ? 'Choose a script' : 'The project has no scripts'}
          options={options}
          onChange={onChange}
        />
      );
    }
    case 'workflow': {
      const options = Object.entries(workflows ?? {}).map(([id, workflow]) => ({ value: id, label: workflow.name }));
      return (
        <Select
          {...ids}
          value={typeof value === 'string' ? value : undefined}
          placeholder="Choose a workflow"
          options={options}
          onChange={onChange}
        />
      );
    }
    case 'code':
      return (
        <MonacoEditor
          path={`${path}.${field.language === 'typescript' ? 'ts' : 'js'}`}
          language={field.language ?? 'javascript'}
          value={typeof value === 'string' ? value : ''}
          onChange={write}
          label={field.title}
          lineNumbers={false}
          className="field-box h-60 overflow-hidden rounded-control bg-panel p-px"
        />
      );
    case 'cron':
      return <CronField ids={ids} value={typeof value === 'string' ? value : ''} onChange={write} placeholder={hint} />;
    case 'number':
      if (isExpression(value)) break;
      return (
        <Input
          {...ids}
          // An expression begins with "=", which a number input would not take.
          inputMode="decimal"
          value={value === undefined || value === null ? '' : String(value)}
          placeholder={hint}
          unit={field.unit}
          onChange={(event) => {
            const typed = event.target.value;
            const number = Number(typed);
            if (typed === '') onChange(undefined);
            else onChange(typed.trim() !== '' && Number.isFinite(number) && !/[.eE+-]$/.test(typed) ? number : typed);
          }}
        />
      );
    case 'secret':
      return (
        <Input
          {...ids}
          type="password"
          autoComplete="off"
          value={typeof value === 'string' ? value : ''}
          placeholder={hint}
          onChange={(event) => write(event.target.value)}
        />
      );
  }
  if (field.literal) {
    return (
      <Input
        {...ids}
        value={showAnyValue(value)}
        placeholder={hint}
        unit={field.unit}
        onChange={(event) =>
          field.kind === 'json' && event.target.value !== ''
            ? onChange(readAnyValue(event.target.value))
            : write(event.target.value)
        }
      />
    );
  }
  return (
    <ExpressionField
      {...ids}
      value={showAnyValue(value)}
      data={data}
      always={field.kind === 'expression'}
      multiline={field.kind === 'multiline'}
      placeholder={hint}
      onChange={(text) => (field.kind === 'json' && text !== '' ? onChange(readAnyValue(text)) : write(text))}
    />
  );
}

function ObjectField({ field, value, onChange, data, path }: ConfigFieldProps) {
  const object: JsonObject = isJsonObject(value) ? value : {};
  return (
    <div className="flex min-w-0 flex-col gap-3 rounded-card p-3 shadow-[inset_0_0_0_1px_var(--line)]">
      {shownFields(field.fields ?? [], object).map((inner) => (
        <ConfigField
          key={inner.key}
          field={inner}
          value={object[inner.key]}
          data={data}
          path={`${path}.${inner.key}`}
          onChange={(next) => {
            const { [inner.key]: _, ...rest } = object;
            const changed = next === undefined ? rest : { ...rest, [inner.key]: next };
            onChange(Object.keys(changed).length > 0 ? changed : undefined);
          }}
        />
      ))}
    </div>
  );
}

function ListField({ field, value, onChange, data, path }: ConfigFieldProps) {
  const entry = field.entry;
  if (!entry) return null;
  if (isExpression(value)) {
    return (
      <ExpressionField
        value={value}
        data={data}
        aria-label={field.title}
        onChange={(text) => onChange(text === '' ? undefined : text)}
      />
    );
  }
  const list = Array.isArray(value) ? value : [];
  const usual = Array.isArray(field.fallback) ? field.fallback.map(showAnyValue).join(', ') : '';
  const write = (next: Json[]) => onChange(next.length > 0 ? next : undefined);
  const swap = (a: number, b: number) => {
    const next = [...list];
    [next[a], next[b]] = [next[b] as Json, next[a] as Json];
    write(next);
  };
  return (
    <div className="flex min-w-0 flex-col gap-2">
      {list.map((one, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: entries have no id, and a moved one is drawn again anyway.
        <div key={index} className="flex min-w-0 items-start gap-1">
          <div className="min-w-0 flex-1">
            <ConfigField
              bare
              field={{ ...entry, title: `${field.title} ${index + 1}` }}
              value={one}
              data={data}
              path={`${path}.${index}`}
              onChange={(next) =>
                write(list.map((old, at) => (at === index ? (next ?? (entry.kind === 'object' ? {} : '')) : old)))
              }
            />
          </div>
          <div className="flex flex-none flex-col">
            <Button
              look="ghost"
              size="sm"
              aria-label={`Remove entry ${index + 1}`}
              icon={<Trash2 className="icon-s" />}
              onClick={() => write(list.filter((_, at) => at !== index))}
            />
            {entry.kind === 'object' && index > 0 && (
              <Button
                look="ghost"
                size="sm"
                aria-label="Move up"
                icon={<ArrowUp className="icon-s" />}
                onClick={() => swap(index, index - 1)}
              />
            )}
            {entry.kind === 'object' && index < list.length - 1 && (
              <Button
                look="ghost"
                size="sm"
                aria-label="Move down"
                icon={<ArrowDown className="icon-s" />}
                onClick={() => swap(index, index + 1)}
              />
            )}
          </div>
        </div>
      ))}
      {list.length === 0 && usual !== '' && <p className="text-small text-ink-2">{usual}, as nothing else is set</p>}
      <Button
        size="sm"
        className="self-start"
        icon={<Plus className="icon-s" />}
        onClick={() => write([...list, entry.kind === 'object' ? {} : ''])}
      >
        Add entry
      </Button>
    </div>
  );
}
