import { Box, Check, CircleX, FunctionSquare, Variable, Workflow } from 'lucide-react';
import { type KeyboardEvent, useEffect, useLayoutEffect, useMemo, useRef, useState } from 'react';
import { type CompletionOption, complete } from '#shared/expression/complete.ts';
import { cx } from '../look/cx.ts';
import { Kbd } from '../look/Kbd.tsx';
import { EXPRESSION_DRAG } from '../runs/fieldPath.ts';
import { Tokens } from '../runs/JsonView.tsx';
import { shortValue, typeWord } from '../runs/jsonLines.ts';
import { now } from '../state/store.ts';
import { dropTaker, setTaker } from './fieldFocus.ts';
import { isExpression } from './formSchema.ts';
import { acceptFix, type Preview, preview } from './preview.ts';
import type { FieldScope } from './usePreviewScope.ts';

type ExpressionFieldProps = {
  id?: string;
  value: string;
  onChange: (value: string) => void;
  data: FieldScope;
  /** Only expressions make sense here: what is typed needs no `=`. */
  always?: boolean;
  multiline?: boolean;
  placeholder?: string;
  'aria-label'?: string;
  'aria-describedby'?: string;
  'aria-invalid'?: boolean;
};

const GLYPHS = { field: Box, variable: Variable, function: FunctionSquare, method: FunctionSquare, step: Workflow };
const MOST_OPTIONS = 8;

/**
 * A text field that turns into an expression with `=` at the start or with a dropped field. It opens in place: the
 * completions, the result for the current item and the item switch push the form down.
 */
export function ExpressionField({
  value,
  onChange,
  data,
  always,
  multiline,
  placeholder,
  ...rest
}: ExpressionFieldProps) {
  const area = useRef<HTMLTextAreaElement>(null);
  const [focused, setFocused] = useState(false);
  const [caret, setCaret] = useState(0);
  const [active, setActive] = useState(0);
  const [closed, setClosed] = useState(false);
  const wantedCaret = useRef<number | undefined>(undefined);
  const equals = value.startsWith('=') || (always === true && !isExpression(value));
  const shown = value.startsWith('=') ? value.slice(1) : value;
  const source = equals && !value.startsWith('=') ? (value === '' ? '' : `=${value}`) : value;
  const expression = isExpression(source);
  const shift = source.length - shown.length;

  const result = useMemo(
    () => (expression && shown.trim() !== '' ? preview(source, data.scope) : undefined),
    [expression, shown, source, data.scope],
  );
  const completion = useMemo(() => {
    if (!focused || closed || !(expression || (equals && shown === ''))) return undefined;
    const found = complete(source === '' ? '=' : source, caret + (source === '' ? 1 : shift), {
      ...data.scope,
      steps: data.steps,
    });
    const typed = source.slice(found.from, caret + shift);
    const options = found.options.filter((option) => option.label !== typed).slice(0, MOST_OPTIONS);
    return options.length > 0 ? { from: Math.max(0, found.from - shift), options } : undefined;
  }, [focused, closed, expression, equals, shown, source, caret, shift, data]);

  useLayoutEffect(() => {
    const element = area.current;
    if (!element) return;
    element.style.height = 'auto';
    element.style.height = `${Math.max(element.scrollHeight, multiline ? 68 : 0)}px`;
    if (wantedCaret.current !== undefined) {
      element.setSelectionRange(wantedCaret.current, wantedCaret.current);
      setCaret(wantedCaret.current);
      wantedCaret.current = undefined;
    }
  });

  function write(text: string, caretAt?: number) {
    wantedCaret.current = caretAt;
    setActive(0);
    setClosed(false);
    const next = equals ? `=${text}` : text;
    onChange(next === '=' && always ? '' : next);
  }

  /** Puts an expression where the cursor is; a plain field becomes one, a text with words around becomes a template. */
  function insert(piece: string) {
    const at = area.current?.selectionStart ?? shown.length;
    const end = area.current?.selectionEnd ?? at;
    if (equals) return write(shown.slice(0, at) + piece + shown.slice(end), at + piece.length);
    if (shown === '') {
      wantedCaret.current = piece.length;
      return onChange(`=${piece}`);
    }
    const template = `{{ ${piece} }}`;
    write(shown.slice(0, at) + template + shown.slice(end), at + template.length);
  }
  const latestInsert = useRef(insert);
  latestInsert.current = insert;
  const [taker] = useState(() => (piece: string) => latestInsert.current(piece));
  useEffect(() => () => dropTaker(taker), [taker]);

  function accept(option: CompletionOption) {
    if (!completion) return;
    const call = option.kind === 'function' || option.kind === 'method';
    const text = option.label + (call && !option.label.endsWith(')') && shown[caret] !== '(' ? '(' : '');
    write(shown.slice(0, completion.from) + text + shown.slice(caret), completion.from + text.length);
  }

  function onKeyDown(event: KeyboardEvent<HTMLTextAreaElement>) {
    const { key } = event;
    if (event.altKey && (key === 'ArrowDown' || key === 'ArrowUp')) {
      event.preventDefault();
      const next = data.index + (key === 'ArrowDown' ? 1 : -1);
      if (next >= 0 && next < data.count) now().setItemIndex(next);
      return;
    }
    if (key === 'Backspace' && equals && !always && caret === 0 && area.current?.selectionEnd === 0) {
      event.preventDefault();
      wantedCaret.current = 0;
      return onChange(shown);
    }
    if (completion) {
      if (key === 'ArrowDown' || key === 'ArrowUp') {
        event.preventDefault();
        const count = completion.options.length;
        return setActive((active + (key === 'ArrowDown' ? 1 : count - 1)) % count);
      }
      if (key === 'Enter' || (key === 'Tab' && !event.shiftKey)) {
        const option = completion.options[active];
        // Enter without a word begun is a line break or nothing, not the first of all names.
        if (option && (key === 'Tab' ? caret > completion.from : caret > completion.from || active > 0)) {
          event.preventDefault();
          return accept(option);
        }
      }
      if (key === 'Escape') {
        event.preventDefault();
        event.stopPropagation();
        return setClosed(true);
      }
    }
    if (key === 'Enter' && !multiline && !equals && !event.shiftKey) event.preventDefault();
    if (key === 'Escape' && focused) {
      event.stopPropagation();
      area.current?.blur();
    }
  }

  const wrong = result?.kind === 'error' && data.count > 0;
  const fix = result?.kind === 'error' ? result.fix : undefined;
  // Without items the result would be that of an empty one, which says nothing.
  const known = data.count > 0 ? result : undefined;
  const open = focused && (completion !== undefined || known !== undefined);
  return (
    <div className="flex min-w-0 flex-col gap-1">
      {/* biome-ignore lint/a11y/noStaticElementInteractions: it takes what is dropped; the field inside takes everything else. */}
      <div
        data-invalid={wrong || rest['aria-invalid'] ? 'true' : undefined}
        className={cx(
          'field-box flex min-w-0 rounded-control bg-panel',
          (equals || expression) && 'font-mono text-[12px]',
        )}
        onDragOver={(event) => event.dataTransfer.types.includes(EXPRESSION_DRAG) && event.preventDefault()}
        onDrop={(event) => {
          const dropped = event.dataTransfer.getData(EXPRESSION_DRAG);
          if (!dropped) return;
          event.preventDefault();
          area.current?.focus();
          insert(dropped);
        }}
      >
        {equals && (
          <span
            aria-hidden
            className="flex-none py-1.25 pl-2.25 font-mono text-[12px]/[20px] font-semibold text-pin-ink"
          >
            =
          </span>
        )}
        <textarea
          {...rest}
          ref={area}
          rows={1}
          spellCheck={false}
          autoComplete="off"
          role="combobox"
          aria-expanded={completion !== undefined}
          aria-autocomplete="list"
          aria-controls={rest.id ? `${rest.id}-options` : undefined}
          value={shown}
          placeholder={placeholder}
          onChange={(event) => {
            setCaret(event.target.selectionStart);
            write(event.target.value);
          }}
          onSelect={(event) => setCaret(event.currentTarget.selectionStart)}
          onFocus={() => {
            setFocused(true);
            setTaker(taker);
          }}
          onBlur={() => {
            setFocused(false);
            setClosed(false);
          }}
          onKeyDown={onKeyDown}
          className={cx(
            'block min-w-0 flex-1 resize-none overflow-hidden bg-transparent py-1.25 pr-2.25 leading-5 break-words outline-none placeholder:text-ink-3',
            equals ? 'pl-1.5' : 'pl-2.25',
          )}
        />
      </div>
      {open && (
        <div className="overflow-hidden rounded-card bg-raised font-ui text-body shadow-pop">
          {completion && (
            <div
              id={rest.id ? `${rest.id}-options` : undefined}
              role="listbox"
              aria-label="Completions"
              className="border-b border-line p-1 last:border-b-0"
            >
              {completion.options.map((option, index) => {
                const Glyph = GLYPHS[option.kind];
                return (
                  // biome-ignore lint/a11y/useKeyWithClickEvents: the field above takes the keys.
                  <div
                    key={option.label}
                    role="option"
                    tabIndex={-1}
                    aria-selected={index === active}
                    onPointerDown={(event) => event.preventDefault()}
                    onClick={() => accept(option)}
                    className={cx(
                      'flex h-6.5 items-center gap-2 rounded-[5px] px-2 text-list',
                      index === active && 'bg-selected',
                    )}
                  >
                    <Glyph className={cx('icon-s', index === active ? 'text-accent-ink' : 'text-ink-3')} aria-hidden />
                    <span className="font-mono text-[12px]">{option.label}</span>
                    <span className="ml-auto min-w-0 truncate pl-4 font-mono text-[11px] text-ink-3">
                      {option.detail}
                    </span>
                  </div>
                );
              })}
            </div>
          )}
          {known && <ResultPane result={known} data={data} />}
          <div className="flex h-7 items-center gap-3 bg-sunken px-3 text-micro text-ink-3">
            {completion && (
              <span className="flex items-center gap-1.5">
                <Kbd keys="Tab" /> accept
              </span>
            )}
            {data.count > 1 && (
              <span className="flex items-center gap-1.5">
                <Kbd keys="Alt ↓" /> next item
              </span>
            )}
            <span className="flex items-center gap-1.5">
              <Kbd keys="Esc" /> close
            </span>
          </div>
        </div>
      )}
      {!open && result?.kind === 'value' && data.count > 0 && (
        <p className="flex min-w-0 items-center gap-1.5 text-micro text-ink-3">
          <Check className="icon-xs flex-none text-ok-ink" aria-hidden />
          <span className="min-w-0 truncate font-mono">
            <Tokens tokens={[shortValue(result.value, 60)]} />
          </span>
          <span className="flex-none">
            {typeWord(result.value)}, item {data.index + 1} of {data.count}
          </span>
        </p>
      )}
      {!open && expression && data.count === 0 && (
        <p className="text-micro text-ink-3">Run the workflow once to see the result here.</p>
      )}
      {(wrong ||
        (result?.kind === 'error' && !fix && !focused && data.count === 0 && /expression/.test(result.message))) &&
        result?.kind === 'error' && (
          <p className="flex items-start gap-1.5 text-micro text-bad-ink">
            <CircleX className="icon-xs mt-px flex-none" aria-hidden />
            <span className="min-w-0 break-words">
              {result.message}{' '}
              {fix ? (
                <>
                  Did you mean{' '}
                  <button
                    type="button"
                    onPointerDown={(event) => event.preventDefault()}
                    onClick={() => onChange(acceptFix(source, fix))}
                    className="rounded-[3px] font-mono underline"
                  >
                    {fix.nearest}
                  </button>
                  ?
                </>
              ) : (
                result.advice
              )}
            </span>
          </p>
        )}
    </div>
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
