import { ChevronDown, ChevronRight, Crosshair, Minus, Pencil, Plus } from 'lucide-react';
import { useState } from 'react';
import type { Change } from '#shared/contract/host/publish.ts';
import { Button } from '../look/Button.tsx';
import { plural } from '../look/format.ts';

const GLYPHS = { added: Plus, changed: Pencil, removed: Minus };
const INKS = { added: 'text-ok-ink', changed: 'text-wait-ink', removed: 'text-bad-ink' };
const WORDS = { added: 'New', changed: 'Changed', removed: 'Removed' };

/**
 * One line for each thing that differs; its fields unfold.
 *
 * @param onOpen shows a step or an edge on the canvas beside the list
 */
export function Changes({ changes, onOpen }: { changes: Change[]; onOpen?: (change: Change) => void }) {
  if (changes.length === 0)
    return <p className="px-1 text-small text-ink-3">Nothing differs from the version that runs.</p>;
  return (
    <ul className="flex flex-col gap-0.5">
      {changes.map((change) => (
        <OneChange key={`${change.subject} ${change.where} ${change.title}`} change={change} onOpen={onOpen} />
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

function OneChange({ change, onOpen }: { change: Change; onOpen?: (change: Change) => void }) {
  const [open, setOpen] = useState(change.fields.length > 0 && change.fields.length < 4 && change.kind === 'changed');
  const Glyph = GLYPHS[change.kind];
  const what =
    change.kind === 'changed' && change.fields.length > 0
      ? plural(change.fields.length, 'field')
      : `${WORDS[change.kind]} ${change.subject}`;
  const by = change.authors.join(', ');
  // Beside the canvas there is room for two short lines, in a dialog for one long one.
  const head = onOpen ? (
    <>
      <Glyph className={`icon-s mt-1.75 self-start ${INKS[change.kind]}`} aria-hidden />
      <span className="min-w-0 flex-1">
        <span className="block truncate font-name">{change.title}</span>
        <span className="block truncate text-micro text-ink-3">
          {[what, change.where, by].filter(Boolean).join(', ')}
        </span>
      </span>
    </>
  ) : (
    <>
      <Glyph className={`icon-s ${INKS[change.kind]}`} aria-hidden />
      <span className="truncate font-name">{change.title}</span>
      <span className="flex-none text-small text-ink-3">{what}</span>
      <span className="ml-auto min-w-0 flex-none truncate pl-3 text-small text-ink-3" title={by && `Changed by ${by}`}>
        {change.where}
        {by && <span className="text-ink-2">, {by}</span>}
      </span>
    </>
  );
  const reveal = onOpen && (change.subject === 'step' || change.subject === 'edge') && (
    <Button
      look="ghost"
      size="sm"
      aria-label={`Show ${change.title} on the canvas`}
      icon={<Crosshair className="icon-s" />}
      onClick={() => onOpen(change)}
    />
  );
  const height = onOpen ? 'min-h-10' : 'h-8';
  if (change.fields.length === 0) {
    return (
      <li className={`flex ${height} items-center gap-2.5 px-1`}>
        {head}
        {reveal}
      </li>
    );
  }
  return (
    <li className={open ? 'my-1 overflow-hidden rounded-card shadow-[inset_0_0_0_1px_var(--line-2)]' : undefined}>
      <div className="flex items-center pr-1 hover:bg-hover">
        <button
          type="button"
          aria-expanded={open}
          onClick={() => setOpen(!open)}
          className={`flex ${height} min-w-0 flex-1 items-center gap-2.5 px-1 text-left`}
        >
          {head}
          {open ? (
            <ChevronDown className="icon-xs text-ink-3" aria-hidden />
          ) : (
            <ChevronRight className="icon-xs text-ink-3" aria-hidden />
          )}
        </button>
        {reveal}
      </div>
      {open && (
        <div className="border-t border-line py-1 font-mono text-[12px]/[19px] break-words whitespace-pre-wrap">
          {change.fields.map((field) => (
            <div key={field.path}>
              {field.before !== undefined && (
                <p className="bg-bad-soft px-3 shadow-[inset_2px_0_0_var(--bad-mark)]">
                  - <span className="text-c-key">{field.path}</span>: {field.before}
                </p>
              )}
              {field.after !== undefined && (
                <p className="bg-ok-soft px-3 shadow-[inset_2px_0_0_var(--ok-mark)]">
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
