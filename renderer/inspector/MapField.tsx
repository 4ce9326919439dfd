import { Plus, Trash2 } from 'lucide-react';
import { useEffect, useState } from 'react';
import { isJsonObject, type Json, type JsonObject } from '#shared/json.ts';
import { Button } from '../look/Button.tsx';
import { Input } from '../look/Input.tsx';
import { ConfigField, type ConfigFieldProps } from './ConfigField.tsx';
import { ExpressionField } from './ExpressionField.tsx';
import { isExpression } from './formSchema.ts';

type Pair = { name: string; value: Json };

const pairsOf = (value: Json | undefined): Pair[] =>
  Object.entries(isJsonObject(value) ? value : {}).map(([name, one]) => ({ name, value: one }));

function toObject(pairs: Pair[]): JsonObject {
  const object: JsonObject = {};
  for (const { name, value } of pairs) if (name !== '' && !Object.hasOwn(object, name)) object[name] = value;
  return object;
}

/** Names with values. A name that is still empty, or stands twice, is kept on screen and not in the document. */
export function MapField({ field, value, onChange, data, path }: ConfigFieldProps) {
  const [pairs, setPairs] = useState(() => pairsOf(value));
  useEffect(() => {
    // A change from elsewhere: undo, the YAML pane, somebody else.
    setPairs((before) =>
      JSON.stringify(toObject(before)) === JSON.stringify(isJsonObject(value) ? value : {}) ? before : pairsOf(value),
    );
  }, [value]);
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

  function write(next: Pair[]) {
    setPairs(next);
    const object = toObject(next);
    onChange(Object.keys(object).length > 0 ? object : undefined);
  }
  const change = (index: number, part: Partial<Pair>) =>
    write(pairs.map((pair, at) => (at === index ? { ...pair, ...part } : pair)));
  const names = pairs.map((pair) => pair.name);

  return (
    <div className="flex min-w-0 flex-col gap-2">
      {pairs.map((pair, index) => {
        const twice = pair.name !== '' && names.indexOf(pair.name) !== index;
        return (
          // biome-ignore lint/suspicious/noArrayIndexKey: the name is what is being typed.
          <div key={index} className="grid min-w-0 grid-cols-[minmax(72px,2fr)_minmax(0,3fr)_24px] items-start gap-1.5">
            <Input
              aria-label={`${field.title}, name ${index + 1}`}
              aria-invalid={twice || undefined}
              title={twice ? `${pair.name} is there already` : undefined}
              placeholder="Name"
              value={pair.name}
              onChange={(event) => change(index, { name: event.target.value })}
            />
            <ConfigField
              bare
              field={{ ...entry, title: `${pair.name || 'Value'}` }}
              value={pair.value}
              data={data}
              path={`${path}.${pair.name}`}
              onChange={(next) => change(index, { value: next ?? '' })}
            />
            <Button
              look="ghost"
              size="sm"
              className="mt-0.75"
              aria-label={`Remove ${pair.name || 'this field'}`}
              icon={<Trash2 className="icon-s" />}
              onClick={() => write(pairs.filter((_, at) => at !== index))}
            />
          </div>
        );
      })}
      <Button
        size="sm"
        className="self-start"
        icon={<Plus className="icon-s" />}
        onClick={() => setPairs([...pairs, { name: '', value: '' }])}
      >
        Add field
      </Button>
    </div>
  );
}
