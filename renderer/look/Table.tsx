import type { ReactNode } from 'react';
import { cx } from './cx.ts';

export type Column<T> = {
  head: string;
  cell: (row: T) => ReactNode;
  /** Numbers and times stand at the right. */
  right?: boolean;
  /** What a narrow screen shows below the first column instead. */
  wide?: boolean;
  /** Short words that are not to be broken where there is room. */
  whole?: boolean;
};

export type TableProps<T> = {
  label: string;
  rows: readonly T[];
  keyOf: (row: T) => string;
  columns: readonly Column<T>[];
  /** The second line of a row where the wide columns are left out. */
  below?: (row: T) => ReactNode;
  /** At the end of a row: what can be done with it. */
  actions?: (row: T) => ReactNode;
};

/** A real table; on a telephone each row has two lines, name and what is said about it. */
export function Table<T>({ label, rows, keyOf, columns, below, actions }: TableProps<T>) {
  return (
    <div>
      <table aria-label={label} className="w-full border-separate border-spacing-0 text-list">
        <thead className="max-sm:sr-only">
          <tr className="text-left text-micro font-control text-ink-3">
            {columns.map(({ head, right, wide }) => (
              <th
                key={head}
                scope="col"
                className={cx(
                  'h-7.5 border-b border-line px-4 whitespace-nowrap',
                  right && 'text-right',
                  wide && 'max-sm:hidden',
                )}
              >
                {head}
              </th>
            ))}
            {actions && (
              <th scope="col" className="h-7.5 border-b border-line px-4">
                <span className="visually-hidden">What can be done</span>
              </th>
            )}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={keyOf(row)} className="group relative hover:bg-hover">
              {columns.map(({ head, cell, right, wide, whole }, index) => (
                <td
                  key={head}
                  className={cx(
                    'h-10 border-b border-line px-4 py-1.5 group-last:border-b-0',
                    right ? 'text-right tabular-nums whitespace-nowrap' : '[overflow-wrap:anywhere]',
                    whole && 'sm:whitespace-nowrap',
                    wide ? 'max-sm:hidden' : index > 0 && 'max-sm:text-right',
                    index === 0 && 'font-name',
                  )}
                >
                  {cell(row)}
                  {index === 0 && below && (
                    <span className="block text-small font-normal text-ink-3 sm:hidden">{below(row)}</span>
                  )}
                </td>
              ))}
              {actions && (
                <td className="h-10 border-b border-line py-1.5 pr-3 text-right group-last:border-b-0">
                  <span className="relative flex justify-end gap-1.5">{actions(row)}</span>
                </td>
              )}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
