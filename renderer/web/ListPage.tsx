import { Plus } from 'lucide-react';
import type { ReactNode } from 'react';
import { AskFailed, Skeleton } from '../look/Asked.tsx';
import { Button } from '../look/Button.tsx';
import { Table, type TableProps } from '../look/Table.tsx';
import { Empty, Page, Panel } from './Page.tsx';
import type { Asked } from './useAsk.ts';

type ListPageProps<T> = Omit<TableProps<T>, 'label' | 'rows'> & {
  title: string;
  asked: Pick<Asked<unknown>, 'error' | 'again'>;
  /** Absent: the answer is not there yet. */
  rows: readonly T[] | undefined;
  /** Where there is nothing yet: a question, and what such a thing is for. */
  empty: { title: string; text: string };
  /** Makes another one; the one primary act. */
  add: { label: string; blocked?: string | false; onClick: () => void };
  /** Stands above the list: what there is to know of it as a whole. */
  above?: ReactNode;
  /** Dialogs. */
  children?: ReactNode;
};

/** A screen that is one list to which one can add. */
export function ListPage<T>({ title, asked, rows, empty, add, above, children, ...table }: ListPageProps<T>) {
  const button = (
    <Button look="primary" icon={<Plus className="icon-s" />} blocked={add.blocked} onClick={add.onClick}>
      {add.label}
    </Button>
  );
  return (
    <Page title={title} actions={rows && rows.length > 0 && button}>
      {asked.error && <AskFailed error={asked.error} onAgain={() => void asked.again()} />}
      {!rows && !asked.error && <Skeleton />}
      {rows?.length === 0 && (
        <Empty title={empty.title} action={button}>
          {empty.text}
        </Empty>
      )}
      {above}
      {rows && rows.length > 0 && (
        <Panel>
          <Table label={title} rows={rows} {...table} />
        </Panel>
      )}
      {children}
    </Page>
  );
}
