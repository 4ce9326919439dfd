import { useVirtualizer } from '@tanstack/react-virtual';
import { useMemo, useRef } from 'react';
import { isJsonObject, type Json } from '#shared/json.ts';
import type { Item } from '#shared/workflow/tree.ts';
import { cx } from '../look/cx.ts';
import { EXPRESSION_DRAG, pathExpression } from './fieldPath.ts';
import { shortValue } from './jsonLines.ts';

const MOST_COLUMNS = 60;
const LOOKED_AT = 100;
const ROW_HEIGHT = 27;

export type Row = { item: Item; index: number };
type DataTableProps = {
  rows: Row[];
  selected: number | undefined;
  onSelect: (index: number) => void;
  dragRoot?: string;
};

/** The fields of the first rows, in the order they appear. */
export function columnsOf(rows: Row[]): string[] {
  const names = new Set<string>();
  for (const { item } of rows.slice(0, LOOKED_AT)) for (const key of Object.keys(item.json)) names.add(key);
  return [...names].slice(0, MOST_COLUMNS);
}

function cellText(value: Json | undefined): string {
  if (typeof value === 'string') return value.length > 200 ? `${value.slice(0, 200)}…` : value;
  if (isJsonObject(value) || Array.isArray(value)) {
    const text = JSON.stringify(value);
    return text.length > 200 ? `${text.slice(0, 200)}…` : text;
  }
  return shortValue(value).text;
}

/** Items as a real table; only the rows in view are drawn. Head cells can be dragged into a field. */
export function DataTable({ rows, selected, onSelect, dragRoot }: DataTableProps) {
  const box = useRef<HTMLDivElement>(null);
  const columns = useMemo(() => columnsOf(rows), [rows]);
  const numeric = useMemo(
    () =>
      new Set(
        columns.filter((name) =>
          rows
            .slice(0, LOOKED_AT)
            .every(({ item }) => typeof item.json[name] === 'number' || item.json[name] === undefined),
        ),
      ),
    [columns, rows],
  );
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => box.current,
    estimateSize: () => ROW_HEIGHT,
    overscan: 12,
  });
  const shown = virtual.getVirtualItems();
  const before = shown[0]?.start ?? 0;
  const after = virtual.getTotalSize() - (shown.at(-1)?.end ?? 0);

  return (
    <div ref={box} className="min-h-0 flex-1 overflow-auto">
      <table className="w-full border-separate border-spacing-0 text-small" aria-rowcount={rows.length + 1}>
        <thead>
          <tr className="text-left text-micro font-control text-ink-3">
            <th
              scope="col"
              className="sticky top-0 z-1 h-6.75 w-10 border-r border-b border-line bg-panel px-3 text-right"
            >
              #
            </th>
            {columns.map((name) => (
              <th
                key={name}
                scope="col"
                draggable={Boolean(dragRoot)}
                onDragStart={(event) =>
                  dragRoot && event.dataTransfer.setData(EXPRESSION_DRAG, pathExpression(dragRoot, [name]))
                }
                className={cx(
                  'sticky top-0 z-1 h-6.75 border-r border-b border-line bg-panel px-3 whitespace-nowrap last:border-r-0',
                  numeric.has(name) && 'text-right',
                  dragRoot && 'cursor-grab',
                )}
              >
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {before > 0 && <tr style={{ height: before }} aria-hidden />}
          {shown.map((position) => {
            const row = rows[position.index];
            if (!row) return null;
            const on = row.index === selected;
            return (
              <tr
                key={row.index}
                aria-rowindex={position.index + 2}
                aria-selected={on}
                tabIndex={on || (selected === undefined && position.index === 0) ? 0 : -1}
                onClick={() => onSelect(row.index)}
                onFocus={() => onSelect(row.index)}
                onKeyDown={(event) => {
                  const step = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1 }[event.key];
                  const next = step === undefined ? undefined : rows[position.index + step];
                  if (!next) return;
                  event.preventDefault();
                  onSelect(next.index);
                  virtual.scrollToIndex(position.index + (step ?? 0));
                }}
                className={cx('focus-visible:-outline-offset-2', on ? 'bg-selected' : 'hover:bg-hover')}
              >
                <td
                  className={cx(
                    'h-6.75 border-r border-b border-line px-3 text-right text-ink-3 tabular-nums',
                    on && 'shadow-[inset_2px_0_0_var(--accent)]',
                  )}
                >
                  {row.index + 1}
                </td>
                {columns.map((name) => (
                  <td
                    key={name}
                    className={cx(
                      'h-6.75 max-w-80 truncate border-r border-b border-line px-3 last:border-r-0',
                      numeric.has(name) && 'text-right tabular-nums',
                      typeof row.item.json[name] === 'object' && 'font-mono text-[11px] text-ink-2',
                    )}
                  >
                    {cellText(row.item.json[name])}
                  </td>
                ))}
              </tr>
            );
          })}
          {after > 0 && <tr style={{ height: after }} aria-hidden />}
        </tbody>
      </table>
    </div>
  );
}
