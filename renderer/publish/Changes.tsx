import { ChevronDown, ChevronRight, Minus, Pencil, Plus } from 'lucide-react';
import { useState } from 'react';
import type { Change } from '#shared/contract/hostApi.ts';
import { plural } from '../look/format.ts';

const GLYPHS = { added: Plus, changed: Pencil, removed: Minus };
const INKS = { added: 'text-ok-ink', changed: 'text-wait-ink', removed: 'text-bad-ink' };
const WORDS = { added: 'New', changed: 'Changed', removed: 'Removed' };

/** One line for each thing that differs from the version that runs; its fields unfold. */
export function Changes({ changes }: { changes: Change[] }) {
  if (changes.length === 0)
    return <p className="px-1 text-small text-ink-3">Nothing differs from the version that runs.</p>;
  return (
    <ul className="flex flex-col gap-0.5">
      {changes.map((change) => (
        <OneChange key={`${change.subject} ${change.where} ${change.title}`} change={change} />
      ))}
    </ul>
  );
}

const SIGNS = [
  { kind: 'added', sign: '+', ink: 'text-ok-ink' },
  { kind: 'changed', sign: '~', ink: 'text-wait-ink' },
  { kind: 'removed', sign: '−', ink: 'text-bad-ink' },
] as const;

/** How many things came, changed and went; what did not happen is left out. */
export function ChangeCounts({ changes }: { changes: Change[] }) {
  return (
    <span className="ml-auto flex gap-2.5 font-mono text-small">
      {SIGNS.map(({ kind, sign, ink }) => {
        const count = changes.filter((one) => one.kind === kind).length;
        return (
          count > 0 && (
            <span key={kind} className={ink} title={`${count} ${kind}`}>
              {sign}
              {count}
            </span>
          )
        );
      })}
    </span>
  );
}

function OneChange({ change }: { change: Change }) {
  const [open, setOpen] = useState(change.fields.length > 0 && change.fields.length < 4 && change.kind === 'changed');
  const Glyph = GLYPHS[change.kind];
  const head = (
    <>
      <Glyph className={`icon-s ${INKS[change.kind]}`} aria-hidden />
      <span className="truncate font-name">{change.title}</span>
      <span className="flex-none text-small text-ink-3">
        {change.kind === 'changed' && change.fields.length > 0
          ? plural(change.fields.length, 'field')
          : `${WORDS[change.kind]} ${change.subject}`}
      </span>
      <span className="ml-auto flex-none truncate pl-3 text-small text-ink-3" title={change.authors.join(', ')}>
        {change.where}
      </span>
    </>
  );
  if (change.fields.length === 0) return <li className="flex h-8 items-center gap-2.5 px-1">{head}</li>;
  return (
    <li className={open ? 'my-1 overflow-hidden rounded-card shadow-[inset_0_0_0_1px_var(--line-2)]' : undefined}>
      <button
        type="button"
        aria-expanded={open}
        onClick={() => setOpen(!open)}
        className="flex h-8 w-full items-center gap-2.5 px-1 text-left hover:bg-hover"
      >
        {head}
        {open ? (
          <ChevronDown className="icon-xs text-ink-3" aria-hidden />
        ) : (
          <ChevronRight className="icon-xs text-ink-3" aria-hidden />
        )}
      </button>
      {open && (
        <div className="overflow-x-auto border-t border-line py-1 font-mono text-[12px]/[19px]">
          {change.fields.map((field) => (
            <div key={field.path}>
              {field.before !== undefined && (
                <p className="bg-bad-soft px-3 whitespace-pre shadow-[inset_2px_0_0_var(--bad-mark)]">
                  - <span className="text-c-key">{field.path}</span>: {field.before}
                </p>
              )}
              {field.after !== undefined && (
                <p className="bg-ok-soft px-3 whitespace-pre shadow-[inset_2px_0_0_var(--ok-mark)]">
                  + <span className="text-c-key">{field.path}</span>: {field.after}
                </p>
              )}
            </div>
          ))}
        </div>
      )}
    </li>
  );
}
