import { ChevronsUpDown } from 'lucide-react';
import { useEffect, useMemo, useRef, useState } from 'react';
import type { StepCatalog } from '#shared/workflow/catalog.ts';
import { projectFiles, workflowSlugs } from '#shared/workflow/files.ts';
import type { Tree } from '#shared/workflow/tree.ts';
import { cx } from '../look/cx.ts';
import { plural } from '../look/format.ts';
import { Select } from '../look/Select.tsx';
import { useEditor } from '../state/store.ts';
import { Marked } from './Answers.tsx';
import { type LineRow, lineRows } from './lineRows.ts';

/** Side by side there must be room for two texts. */
const ONE_COLUMN_BELOW = 600;

/** The files of both states, side by side: what differs line by line, equal parts folded. */
export function CompareText() {
  const looking = useEditor((state) => state.looking);
  const catalog = useEditor((state) => state.stepTypes);
  const workflowId = useEditor((state) => state.workflowId);
  const [chosen, setChosen] = useState<string>();
  const [was, is] = [looking?.before, looking?.after];
  const before = useMemo(() => was && filesOf(was, catalog), [was, catalog]);
  const after = useMemo(() => is && filesOf(is, catalog), [is, catalog]);
  if (!looking || !before || !after) return null;
  const paths = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
  const changed = paths.filter((path) => before[path] !== after[path]);
  const own = fileOfWorkflow(looking.after, workflowId) ?? fileOfWorkflow(looking.before, workflowId);
  const file = chosen !== undefined && paths.includes(chosen) ? chosen : (own ?? changed[0] ?? paths[0] ?? '');
  const options = [...new Set([...changed, file])].map((path) => ({
    value: path,
    label: before[path] === after[path] ? `${path}, the same` : path,
  }));
  return (
    <div className="flex h-full min-h-0 flex-col bg-panel">
      <header className="flex min-h-10 flex-none flex-wrap items-center gap-2 border-b border-line px-3 py-1.5">
        <Select aria-label="File" look="button" value={file} options={options} onChange={setChosen} />
      </header>
      <Lines key={file} before={before[file] ?? ''} after={after[file] ?? ''} names={looking.names} />
    </div>
  );
}

function filesOf(tree: Tree, catalog: StepCatalog): Record<string, string> {
  const files = projectFiles(tree, {}, { catalog });
  return Object.fromEntries(
    Object.entries(files).flatMap(([path, text]) => (text === null || path.startsWith('.') ? [] : [[path, text]])),
  );
}

function fileOfWorkflow(tree: Tree, workflowId: string | undefined): string | undefined {
  const slug = workflowId === undefined ? undefined : workflowSlugs(tree).get(workflowId);
  return slug === undefined ? undefined : `workflows/${slug}.yaml`;
}

function Lines({ before, after, names }: { before: string; after: string; names: readonly [string, string] }) {
  const [open, setOpen] = useState<ReadonlySet<number>>(new Set());
  const [narrow, setNarrow] = useState(false);
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    // The pane may be narrow in a wide window: beside the canvas, or as somebody drew it.
    const watch = new ResizeObserver(([entry]) => entry && setNarrow(entry.contentRect.width < ONE_COLUMN_BELOW));
    if (box.current) watch.observe(box.current);
    return () => watch.disconnect();
  }, []);
  const rows = useMemo(() => lineRows(before, after, open), [before, after, open]);
  return (
    <div ref={box} className="min-h-0 flex-1 overflow-auto">
      <table
        aria-label={`Lines of ${names[0]} and ${names[1]}`}
        className="w-full table-fixed border-collapse font-mono text-[12px]/[19px]"
      >
        <colgroup>
          <col className="w-11" />
          <col />
          {!narrow && <col className="w-11" />}
          {!narrow && <col />}
        </colgroup>
        <thead>
          <tr className="font-ui text-micro text-ink-2">
            {(narrow ? [`${names[0]} → ${names[1]}`] : names).map((name, index) => (
              <th
                key={index === 0 ? 'before' : 'after'}
                scope="colgroup"
                colSpan={2}
                className={cx(
                  'sticky top-0 z-1 h-7 border-b border-line bg-panel px-3 text-left font-control',
                  index === 1 && 'border-l',
                )}
              >
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) =>
            row.kind === 'folded' ? (
              <tr key={`fold ${row.from}`}>
                <td colSpan={narrow ? 2 : 4} className="border-y border-line bg-sunken p-0">
                  <button
                    type="button"
                    className="flex h-6 w-full items-center gap-1.5 px-3 font-ui text-micro text-ink-3 hover:bg-hover"
                    onClick={() => setOpen(new Set([...open, row.from]))}
                  >
                    <ChevronsUpDown className="icon-xs" aria-hidden />
                    {plural(row.count, 'equal line')}
                  </button>
                </td>
              </tr>
            ) : narrow ? (
              <NarrowRow key={keyOf(row)} row={row} />
            ) : (
              <WideRow key={keyOf(row)} row={row} />
            ),
          )}
        </tbody>
      </table>
    </div>
  );
}

const keyOf = (row: Exclude<LineRow, { kind: 'folded' }>) =>
  row.kind === 'same' ? `${row.left} ${row.right}` : `${row.left?.line ?? '-'} ${row.right?.line ?? '+'}`;

const NUMBER = 'px-2 text-right align-top text-ink-3 select-none';
const LINE = 'px-2 align-top break-words whitespace-pre-wrap';

function WideRow({ row }: { row: Exclude<LineRow, { kind: 'folded' }> }) {
  if (row.kind === 'same') {
    return (
      <tr>
        <td className={NUMBER}>{row.left}</td>
        <td className={LINE}>{row.text}</td>
        <td className={cx(NUMBER, 'border-l border-line')}>{row.right}</td>
        <td className={LINE}>{row.text}</td>
      </tr>
    );
  }
  const { left, right } = row;
  return (
    <tr>
      <td className={cx(NUMBER, left ? 'bg-bad-soft shadow-[inset_2px_0_0_var(--bad-mark)]' : 'bg-sunken')}>
        {left?.line}
      </td>
      <td className={cx(LINE, left ? 'bg-bad-soft' : 'bg-sunken')}>
        {left && <Gone left={left.text} right={right?.text} />}
      </td>
      <td
        className={cx(
          NUMBER,
          'border-l border-line',
          right ? 'bg-ok-soft shadow-[inset_2px_0_0_var(--ok-mark)]' : 'bg-sunken',
        )}
      >
        {right?.line}
      </td>
      <td className={cx(LINE, right ? 'bg-ok-soft' : 'bg-sunken')}>
        {right && <Come left={left?.text} right={right.text} />}
      </td>
    </tr>
  );
}

/** One below the other, with a sign for the side. */
function NarrowRow({ row }: { row: Exclude<LineRow, { kind: 'folded' }> }) {
  if (row.kind === 'same') {
    return (
      <tr>
        <td className={NUMBER}>{row.right}</td>
        <td className={LINE}>{row.text}</td>
      </tr>
    );
  }
  return (
    <>
      {row.left && (
        <tr className="bg-bad-soft">
          <td className={cx(NUMBER, 'shadow-[inset_2px_0_0_var(--bad-mark)]')}>-</td>
          <td className={LINE}>
            <Gone left={row.left.text} right={row.right?.text} />
          </td>
        </tr>
      )}
      {row.right && (
        <tr className="bg-ok-soft">
          <td className={cx(NUMBER, 'shadow-[inset_2px_0_0_var(--ok-mark)]')}>+</td>
          <td className={LINE}>
            <Come left={row.left?.text} right={row.right.text} />
          </td>
        </tr>
      )}
    </>
  );
}

function Gone({ left, right }: { left: string; right: string | undefined }) {
  return right === undefined ? left : <Marked before={right} after={left} look="gone" />;
}

function Come({ left, right }: { left: string | undefined; right: string }) {
  return left === undefined ? right : <Marked before={left} after={right} look="in-line" />;
}
