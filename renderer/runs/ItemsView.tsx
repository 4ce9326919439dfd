import { Search } from 'lucide-react';
import { type ReactNode, useMemo, useState } from 'react';
import type { Json } from '#shared/json.ts';
import type { Item } from '#shared/workflow/tree.ts';
import { Input } from '../look/Input.tsx';
import { Segmented } from '../look/Segmented.tsx';
import { DataTable } from './DataTable.tsx';
import { JsonView } from './JsonView.tsx';
import { holds } from './jsonLines.ts';
import { SchemaTree } from './SchemaTree.tsx';

export type DataLook = 'table' | 'json' | 'schema';
export const DATA_LOOKS = [
  { value: 'table', label: 'Table' },
  { value: 'json', label: 'JSON' },
  { value: 'schema', label: 'Schema' },
] as const;

type DataViewProps = {
  items: readonly Item[];
  look: DataLook;
  root: string;
  selected: number;
  onSelect: (index: number) => void;
  search?: string;
  /** JSON shows the selected item, or all of them. */
  wholeList?: boolean;
  onUse?: (expression: string) => void;
};

/** Items as a table, as JSON, or as fields with the values of one item. The search narrows all three. */
export function ItemsView({ items, look, root, selected, onSelect, search = '', wholeList, onUse }: DataViewProps) {
  const rows = useMemo(
    () => items.map((item, index) => ({ item, index })).filter(({ item }) => search === '' || holds(item.json, search)),
    [items, search],
  );
  const current = items[selected]?.json ?? items[0]?.json ?? {};
  const list = useMemo<Json>(() => rows.map(({ item }) => item.json), [rows]);
  if (items.length === 0) return <p className="p-3 text-small text-ink-3">No items.</p>;
  if (rows.length === 0) return <p className="p-3 text-small text-ink-3">No item holds “{search}”.</p>;
  if (look === 'table') return <DataTable rows={rows} selected={selected} onSelect={onSelect} dragRoot={root} />;
  if (look === 'json') return <JsonView value={wholeList ? list : current} className="flex-1" />;
  return (
    <div className="min-h-0 flex-1 overflow-auto px-2">
      <SchemaTree value={current} root={root} search={search} onUse={onUse} />
    </div>
  );
}

type DataHeadProps = { look: DataLook; onLook: (look: DataLook) => void };
export function DataLooks({ look, onLook }: DataHeadProps) {
  return <Segmented label="Show data as" value={look} options={DATA_LOOKS} onChange={onLook} />;
}

/** A data view with its own search line, as beside the form. */
export function SearchableData(props: Omit<DataViewProps, 'search'> & { above?: ReactNode }) {
  const [search, setSearch] = useState('');
  return (
    <div className="flex min-h-0 flex-1 flex-col">
      <div className="flex-none px-3 pt-2.5 pb-1">
        <Input
          icon={<Search className="icon-s text-ink-3" aria-hidden />}
          aria-label="Search fields"
          placeholder="Search fields"
          value={search}
          onChange={(event) => setSearch(event.target.value)}
        />
      </div>
      {props.above}
      <ItemsView {...props} search={search} />
    </div>
  );
}
