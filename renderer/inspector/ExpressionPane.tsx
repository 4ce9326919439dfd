import { Box, Check, CircleX, FunctionSquare, Variable, Workflow } from 'lucide-react';
import type { CompletionOption } from '#shared/expression/complete.ts';
import { cx } from '../look/cx.ts';
import { Kbd } from '../look/Kbd.tsx';
import { Tokens } from '../runs/JsonView.tsx';
import { shortValue, typeWord } from '../runs/jsonLines.ts';
import type { Offer } from './expressionText.ts';
import type { Preview } from './preview.ts';
import type { FieldScope } from './usePreviewScope.ts';

const GLYPHS = { field: Box, variable: Variable, function: FunctionSquare, method: FunctionSquare, step: Workflow };

type ExpressionPaneProps = {
  listId: string;
  offer: Offer | undefined;
  active: number;
  onAccept: (option: CompletionOption) => void;
  result: Preview | undefined;
  data: FieldScope;
};

/** Below a field that is typed in: what could be written next, and what it comes to for the current item. */
export function ExpressionPane({ listId, offer, active, onAccept, result, data }: ExpressionPaneProps) {
  return (
    <div className="overflow-hidden rounded-card bg-raised font-ui text-body shadow-pop">
      {offer && (
        <div id={listId} role="listbox" aria-label="Completions" className="border-b border-line p-1 last:border-b-0">
          {offer.options.map((option, index) => {
            const Glyph = GLYPHS[option.kind];
            return (
              // biome-ignore lint/a11y/useKeyWithClickEvents: the field above takes the keys.
              <div
                key={option.label}
                id={`${listId}-${index}`}
                role="option"
                tabIndex={-1}
                aria-selected={index === active}
                onPointerDown={(event) => event.preventDefault()}
                onClick={() => onAccept(option)}
                className={cx(
                  'flex h-6.5 items-center gap-2 rounded-[5px] px-2 text-list',
                  index === active && 'bg-selected',
                )}
              >
                <Glyph className={cx('icon-s', index === active ? 'text-accent-ink' : 'text-ink-3')} aria-hidden />
                <span className="font-mono text-[12px]">{option.label}</span>
                <span className="ml-auto min-w-0 truncate pl-4 font-mono text-[11px] text-ink-3" title={option.detail}>
                  {option.detail}
                </span>
              </div>
            );
          })}
        </div>
      )}
      {result && <ResultPane result={result} data={data} />}
      {/* A hint without room wraps out of sight whole. */}
      <div className="flex h-7 flex-wrap gap-x-3 overflow-hidden bg-sunken px-3 text-micro whitespace-nowrap text-ink-3">
        {offer && <Hint keys="Tab" word="accept" />}
        {data.count > 1 && <Hint keys="Alt ↓" word="next item" />}
        <Hint keys="Esc" word="close" />
        {!offer && <Hint keys="Ctrl Space" word="names" />}
      </div>
    </div>
  );
}

function Hint({ keys, word }: { keys: string; word: string }) {
  return (
    <span className="flex h-7 items-center gap-1.5">
      <Kbd keys={keys} /> {word}
    </span>
  );
}

function ResultPane({ result, data }: { result: Preview; data: FieldScope }) {
  if (result.kind === 'error') return null;
  const { value } = result;
  return (
    <div className="px-3 py-2.5">
      <div className="flex items-center text-small text-ink-3">
        Result
        {data.count > 0 && (
          <span className="ml-auto tabular-nums">
            Item {data.index + 1} of {data.count}
          </span>
        )}
      </div>
      <div className="mt-1 flex min-w-0 items-baseline gap-2.5">
        <span
          className="min-w-0 truncate font-mono text-[17px]/6 font-medium"
          title={typeof value === 'string' ? value : JSON.stringify(value)}
        >
          {typeof value === 'object' && value !== null
            ? JSON.stringify(value).slice(0, 120)
            : shortValue(value, 120).text}
        </span>
        <span className="flex-none text-small text-ink-3">{typeWord(value)}</span>
      </div>
      {result.used.length > 0 && (
        <p className="mt-1 flex flex-wrap gap-x-3 font-mono text-[11px] text-ink-3">
          {result.used.map((one) => (
            <span key={one.name}>
              {one.name} <Tokens tokens={[shortValue(one.value, 30)]} />
            </span>
          ))}
        </p>
      )}
    </div>
  );
}

type ResultNoteProps = { result: Preview | undefined; data: FieldScope; onFix: (() => void) | undefined };

/** Below a field at rest: its value for the current item, or what is missing and the name that was probably meant. */
export function ResultNote({ result, data, onFix }: ResultNoteProps) {
  if (data.count === 0 && (result?.kind !== 'error' || !/expression/.test(result.message)))
    return <p className="text-micro text-ink-3">Run the workflow once to see the result here.</p>;
  if (!result) return null;
  if (result.kind === 'value') {
    return (
      <p className="flex min-w-0 items-center gap-1.5 text-micro text-ink-3">
        <Check className="icon-xs flex-none text-ok-ink" aria-hidden />
        <span className="min-w-0 truncate font-mono">
          <Tokens tokens={[shortValue(result.value, 60)]} />
        </span>
        <span className="flex-none">
          {typeWord(result.value)}, item {data.index + 1} of {data.count}
        </span>
      </p>
    );
  }
  return (
    <p className="flex items-start gap-1.5 text-micro text-bad-ink">
      <CircleX className="icon-xs mt-px flex-none" aria-hidden />
      <span className="min-w-0 break-words">
        {result.message}{' '}
        {onFix ? (
          <>
            Did you mean{' '}
            <button
              type="button"
              onPointerDown={(event) => event.preventDefault()}
              onClick={onFix}
              className="rounded-[3px] font-mono underline"
            >
              {result.fix?.nearest}
            </button>
            ?
          </>
        ) : (
          result.advice
        )}
      </span>
    </p>
  );
}
