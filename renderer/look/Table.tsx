import type { ReactNode } from 'react';
import { cx } from './cx.ts';

export type Column<T> = {
  head: string;
  cell: (row: T) => ReactNode;
  /** Numbers and times stand at the right. */
  right?: boolean;
  /** What a narrow screen shows below the first column instead; `lg`: what only a wide one has room for. */
  wide?: boolean | 'lg';
  /** Short words that are not to be broken. */
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

/**
 * A real table. On a telephone each row has two lines, name and what is said about it, with the other short cells at the right
 * and what can be done below where there is no room beside them.
 */
export function Table<T>({ label, rows, keyOf, columns, below, actions }: TableProps<T>) {
  return (
    <div>
      <table aria-label={label} className="w-full border-separate border-spacing-0 text-list max-sm:block">
        <thead className="max-sm:sr-only">
          <tr className="text-left text-micro font-control text-ink-3">
            {columns.map(({ head, right, wide }) => (
              <th
                key={head}
                scope="col"
                className={cx(
                  'h-7.5 border-b border-line px-4 whitespace-nowrap',
                  right && 'text-right',
                  wide && (wide === 'lg' ? 'max-lg:hidden' : 'max-sm:hidden'),
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
        <tbody className="max-sm:block">
          {rows.map((row) => (
            <tr
              key={keyOf(row)}
              className="group relative border-line hover:bg-hover max-sm:flex max-sm:flex-wrap max-sm:items-center max-sm:gap-x-3 max-sm:border-b max-sm:px-4 max-sm:py-2 max-sm:last:border-b-0"
            >
              {columns.map(({ head, cell, right, wide, whole }, index) => (
                <td
                  key={head}
                  className={cx(
                    'h-10 border-b border-line px-4 py-1.5 group-last:border-b-0 max-sm:h-auto max-sm:border-0 max-sm:p-0',
                    right ? 'text-right tabular-nums whitespace-nowrap' : '[overflow-wrap:anywhere]',
                    whole && 'whitespace-nowrap',
                    wide && (wide === 'lg' ? 'max-lg:hidden' : 'max-sm:hidden'),
                    index === 0 && 'font-name max-sm:min-w-0 max-sm:flex-[1_1_55%] max-sm:whitespace-normal',
                  )}
                >
                  {cell(row)}
                  {index === 0 && below && (
                    <span className="block text-small font-normal text-ink-3 sm:hidden">{below(row)}</span>
                  )}
                </td>
              ))}
              {actions && (
                <td className="h-10 border-b border-line py-1.5 pr-3 text-right group-last:border-b-0 empty:hidden max-sm:ml-auto max-sm:h-auto max-sm:border-0 max-sm:p-0">
                  <span className="relative flex justify-end gap-1.5 empty:hidden max-sm:py-0.5">{actions(row)}</span>
                </td>
              )}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
