import { VarName } from '#shared/ids.ts';
import { isJsonObject, type Json } from '#shared/json.ts';
import type { Edit } from '#shared/workflow/edit.ts';
import { Field, Input } from '../look/Input.tsx';
import { Note } from '../look/Note.tsx';
import { now, useEditor } from '../state/store.ts';
import type { FieldModel } from './formSchema.ts';
import { MapField } from './MapField.tsx';
import { NO_DATA } from './usePreviewScope.ts';

const VARIABLES: FieldModel = {
  key: 'vars',
  title: 'Variables',
  kind: 'map',
  required: false,
  literal: true,
  entry: { key: '', title: 'Value', kind: 'multiline', required: true, literal: true },
};
/** An environment's variables, and which record each connection of the project means there. */
export function EnvironmentPane({ name }: { name: string }) {
  const environment = useEditor((state) => state.doc?.tree.environments[name]);
  const connections = useEditor((state) => state.doc?.tree.connections);
  if (!environment) return <p className="p-6 text-ink-3">The environment {name} is not in the project any more.</p>;

  function setVars(next: Json | undefined) {
    const vars = isJsonObject(next) ? next : {};
    const before = environment?.vars ?? {};
    const names = [...new Set([...Object.keys(before), ...Object.keys(vars)])].filter(
      (one) => VarName.safeParse(one).success,
    );
    const edits = names
      .filter((one) => JSON.stringify(before[one]) !== JSON.stringify(vars[one]))
      .map(
        (one): Edit => ({
          type: 'setVariable',
          environment: name,
          name: one,
          ...(vars[one] === undefined ? {} : { value: vars[one] }),
        }),
      );
    if (edits.length > 0) now().edit(edits, `vars ${name}`);
  }

  return (
    <div className="min-h-0 flex-1 overflow-auto bg-app">
      <div className="flex max-w-160 flex-col gap-6 p-6">
        <div>
          <h1 className="text-title font-heading">{name}</h1>
          <p className="text-ink-2">
            {name === 'local' ? 'Used by runs on a desktop, and by tests.' : 'Used by what is published here.'}
          </p>
        </div>
        <section className="flex flex-col gap-2">
          <h2 className="font-heading">Variables</h2>
          <p className="text-small text-ink-3">
            Expressions read them as $env.name. They are not secret: those belong into connections.
          </p>
          <MapField
            field={VARIABLES}
            value={environment.vars}
            data={NO_DATA}
            path={`environment/${name}`}
            onChange={setVars}
          />
        </section>
        <section className="flex flex-col gap-3">
          <h2 className="font-heading">Connections</h2>
          {Object.keys(connections ?? {}).length === 0 && <Note>The project has no connections.</Note>}
          {Object.keys(connections ?? {}).map((connection) => (
            <Field key={connection} label={connection} help="The name of its record here; empty means the same name.">
              {(ids) => (
                <Input
                  {...ids}
                  placeholder={connection}
                  value={environment.bindings[connection] ?? ''}
                  onChange={(event) => {
                    const record = event.target.value;
                    now().edit(
                      [{ type: 'setBinding', environment: name, connection, ...(record === '' ? {} : { record }) }],
                      `binding ${name} ${connection}`,
                    );
                  }}
                />
              )}
            </Field>
          ))}
        </section>
      </div>
    </div>
  );
}
