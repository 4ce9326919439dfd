import { ChevronDown, ChevronRight, CornerDownLeft } from 'lucide-react';
import { useState } from 'react';
import { isJsonObject, type Json } from '#shared/json.ts';
import { cx } from '../look/cx.ts';
import { Tooltip } from '../look/Tooltip.tsx';
import { EXPRESSION_DRAG, pathExpression } from './fieldPath.ts';
import { Tokens } from './JsonView.tsx';
import { holds, shortValue, typeWord } from './jsonLines.ts';

type Path = (string | number)[];
type SchemaTreeProps = {
  value: Json;
  /** What the paths are read from: `$json`, `$('order_k3f9').item.json`. */
  root: string;
  search?: string;
  /** Puts a field into the form, for those who do not drag. */
  onUse?: (expression: string) => void;
};

const FIRST_ENTRIES = 100;

/** The fields of one item, with its values. Every row can be dragged into a field of the form. */
export function SchemaTree({ value, root, search = '', onUse }: SchemaTreeProps) {
  const [closed, setClosed] = useState<Record<string, boolean>>({});
  const rows: { path: Path; name: string; value: Json; open: boolean | undefined }[] = [];

  function collect(one: Json, path: Path, level: number) {
    const entries = Array.isArray(one)
      ? one.slice(0, FIRST_ENTRIES).map((entry, index): [string | number, Json] => [index, entry])
      : isJsonObject(one)
        ? Object.entries(one)
        : [];
    for (const [key, entry] of entries) {
      if (search && !String(key).toLowerCase().includes(search.toLowerCase()) && !holds(entry, search)) continue;
      const here = [...path, key];
      const id = JSON.stringify(here);
      const inner =
        (isJsonObject(entry) && Object.keys(entry).length > 0) || (Array.isArray(entry) && entry.length > 0);
      // Entries of a list after the first start closed: they mostly look the same.
      const open = inner ? !(closed[id] ?? ((typeof key === 'number' && key > 0) || level > 4)) : undefined;
      rows.push({ path: here, name: typeof key === 'number' ? `[${key}]` : key, value: entry, open });
      if (open) collect(entry, here, level + 1);
    }
  }
  collect(value, [], 0);

  if (rows.length === 0)
    return (
      <p className="px-3 py-2 text-small text-ink-3">
        {search ? 'No field holds this text.' : 'The item has no fields.'}
      </p>
    );
  return (
    <ul className="py-1">
      {rows.map(({ path, name, value: entry, open }) => {
        const id = JSON.stringify(path);
        const expression = pathExpression(root, path);
        const fold = () => setClosed({ ...closed, [id]: open === true });
        return (
          <li
            key={id}
            draggable
            onDragStart={(event) => {
              event.dataTransfer.setData(EXPRESSION_DRAG, expression);
              event.dataTransfer.setData('text/plain', expression);
            }}
            title={`${expression}, ${typeWord(entry)}`}
            className="group flex h-6.5 cursor-grab items-center gap-1 rounded-[5px] pr-2 hover:bg-hover"
            style={{ paddingLeft: 4 + (path.length - 1) * 15 }}
          >
            {open === undefined ? (
              <span className="w-5 flex-none" />
            ) : (
              <button
                type="button"
                aria-label={`${open ? 'Fold' : 'Unfold'} ${name}`}
                aria-expanded={open}
                onClick={fold}
                className="flex size-5 flex-none items-center justify-center text-ink-3"
              >
                {open ? <ChevronDown className="icon-xs" /> : <ChevronRight className="icon-xs" />}
              </button>
            )}
            <span className="flex-none font-mono text-[12px] text-ink">{name}</span>
            <span
              className={cx(
                'ml-auto min-w-0 truncate pl-3 font-mono text-[11.5px]',
                open !== undefined && 'text-ink-3',
              )}
            >
              <Tokens tokens={[shortValue(entry, 80)]} />
            </span>
            {onUse && (
              <Tooltip text="Put into the field with focus">
                <button
                  type="button"
                  aria-label={`Use ${expression}`}
                  // The field must keep the focus, or there is none to put it into.
                  onPointerDown={(event) => event.preventDefault()}
                  onClick={() => onUse(expression)}
                  className="hidden size-5 flex-none items-center justify-center rounded-chip text-ink-3 group-focus-within:flex group-hover:flex hover:bg-press"
                >
                  <CornerDownLeft className="icon-xs" aria-hidden />
                </button>
              </Tooltip>
            )}
          </li>
        );
      })}
    </ul>
  );
}
