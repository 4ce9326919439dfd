import {
  type ClipboardEvent,
  type KeyboardEvent,
  useEffect,
  useId,
  useLayoutEffect,
  useMemo,
  useRef,
  useState,
} from 'react';
import type { CompletionOption } from '#shared/expression/complete.ts';
import { cx } from '../look/cx.ts';
import { HEIGHT_OF_TEXT, useHeightOfText } from '../look/useHeightOfText.ts';
import { EXPRESSION_DRAG } from '../runs/fieldPath.ts';
import { now } from '../state/store.ts';
import { ExpressionPane, ResultNote } from './ExpressionPane.tsx';
import { accepted, offerAt, shownText, valueTyped } from './expressionText.ts';
import { dropTaker, setTaker } from './fieldFocus.ts';
import { isExpression } from './formSchema.ts';
import { acceptFix, preview } from './preview.ts';
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

/** When names are offered: while one is typed, or anywhere when somebody asks with Ctrl Space. */
type Offering = 'no' | 'typing' | 'asked';
const MOVES = new Set(['ArrowLeft', 'ArrowRight', 'Home', 'End', 'PageUp', 'PageDown']);

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
  const listId = useId();
  const [focused, setFocused] = useState(false);
  const [caret, setCaret] = useState(0);
  const [active, setActive] = useState(0);
  const [offering, setOffering] = useState<Offering>('no');
  const wantedCaret = useRef<number | undefined>(undefined);
  const shown = useMemo(() => shownText(value, always), [value, always]);
  const { equals, text, source } = shown;
  const expression = isExpression(source);

  const result = useMemo(
    () => (expression && text.trim() !== '' ? preview(source, data.scope) : undefined),
    [expression, text, source, data.scope],
  );
  const offer = useMemo(() => {
    if (!focused || offering === 'no') return undefined;
    return offerAt(shown, caret, { ...data.scope, steps: data.steps }, offering === 'asked');
  }, [focused, offering, shown, caret, data]);

  const least = multiline ? 68 : 0;
  useHeightOfText(area, source, least);
  useLayoutEffect(() => {
    const element = area.current;
    if (!element) return;
    if (wantedCaret.current !== undefined) {
      element.setSelectionRange(wantedCaret.current, wantedCaret.current);
      setCaret(wantedCaret.current);
      wantedCaret.current = undefined;
    }
  });

  /** @param caretAt where the cursor comes to stand; without it, it stays where the browser put it */
  function write(next: string, caretAt?: number) {
    const typed = valueTyped(
      { text: next, caret: caretAt ?? area.current?.selectionStart ?? next.length },
      equals,
      always,
    );
    wantedCaret.current = typed.caret ?? caretAt;
    setActive(0);
    onChange(typed.value);
  }

  /** Puts an expression where the cursor is; a plain field becomes one, a text with words around becomes a template. */
  function insert(piece: string) {
    const at = area.current?.selectionStart ?? text.length;
    const end = area.current?.selectionEnd ?? at;
    setOffering('no');
    if (equals) return write(text.slice(0, at) + piece + text.slice(end), at + piece.length);
    if (text === '') {
      wantedCaret.current = piece.length;
      return onChange(`=${piece}`);
    }
    const template = `{{ ${piece} }}`;
    write(text.slice(0, at) + template + text.slice(end), at + template.length);
  }
  const latestInsert = useRef(insert);
  latestInsert.current = insert;
  const [taker] = useState(() => (piece: string) => latestInsert.current(piece));
  useEffect(() => () => dropTaker(taker), [taker]);

  function accept(option: CompletionOption) {
    if (!offer) return;
    const next = accepted(text, offer, option);
    setOffering('no');
    write(next.text, next.caret);
  }

  /** An expression copied with its `=` goes into an expression without it. */
  function onPaste(event: ClipboardEvent<HTMLTextAreaElement>) {
    const pasted = event.clipboardData.getData('text/plain');
    if (!equals || !/^=(?!=)/.test(pasted)) return;
    event.preventDefault();
    insert(pasted.slice(1));
  }

  function onKeyDown(event: KeyboardEvent<HTMLTextAreaElement>) {
    const { key } = event;
    const mod = event.ctrlKey || event.metaKey;
    const done = () => event.preventDefault();
    if (event.altKey && (key === 'ArrowDown' || key === 'ArrowUp')) {
      done();
      const next = data.index + (key === 'ArrowDown' ? 1 : -1);
      if (next >= 0 && next < data.count) now().setItemIndex(next);
      return;
    }
    if (mod && key === ' ') {
      done();
      setActive(0);
      return setOffering('asked');
    }
    if (MOVES.has(key)) return setOffering('no');
    if (key === 'Backspace' && equals && !always && caret === 0 && area.current?.selectionEnd === 0) {
      done();
      wantedCaret.current = 0;
      return onChange(text);
    }
    if (offer && !mod) {
      if (key === 'ArrowDown' || key === 'ArrowUp') {
        done();
        const count = offer.options.length;
        return setActive((active + (key === 'ArrowDown' ? 1 : count - 1)) % count);
      }
      const option = offer.options[active];
      if (option && !event.shiftKey && (key === 'Enter' || key === 'Tab')) {
        done();
        return accept(option);
      }
      if (key === 'Escape') {
        done();
        event.stopPropagation();
        return setOffering('no');
      }
    }
    if (key === 'Enter' && !multiline && !equals && !event.shiftKey) done();
    if (key === 'Escape' && focused) {
      event.stopPropagation();
      area.current?.blur();
    }
  }

  const wrong = result?.kind === 'error' && data.count > 0;
  const fix = result?.kind === 'error' ? result.fix : undefined;
  // Without items the result would be that of an empty one, which says nothing.
  const known = data.count > 0 ? result : undefined;
  const open = focused && (offer !== undefined || known?.kind === 'value');
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
          aria-expanded={offer !== undefined}
          aria-autocomplete="list"
          aria-controls={offer ? listId : undefined}
          aria-activedescendant={offer ? `${listId}-${active}` : undefined}
          value={text}
          placeholder={equals ? placeholder?.replace(/^=/, '') : placeholder}
          onChange={(event) => {
            setCaret(event.target.selectionStart);
            setOffering('typing');
            write(event.target.value);
          }}
          onSelect={(event) => setCaret(event.currentTarget.selectionStart)}
          onPointerDown={() => setOffering('no')}
          onPaste={onPaste}
          onFocus={() => {
            setFocused(true);
            setTaker(taker);
          }}
          onBlur={() => {
            setFocused(false);
            setOffering('no');
          }}
          onKeyDown={onKeyDown}
          style={{ minHeight: least }}
          className={cx(
            HEIGHT_OF_TEXT,
            'block min-w-0 flex-1 resize-none overflow-hidden bg-transparent py-1.25 pr-2.25 leading-5 break-words outline-none placeholder:text-ink-3',
            equals ? 'pl-1.5' : 'pl-2.25',
          )}
        />
      </div>
      {open && (
        <ExpressionPane listId={listId} offer={offer} active={active} onAccept={accept} result={known} data={data} />
      )}
      {expression && (wrong || !open) && (
        <ResultNote
          // Before there are items a half-written expression is no mistake.
          result={focused && data.count === 0 ? undefined : result}
          data={data}
          onFix={fix ? () => onChange(acceptFix(source, fix)) : undefined}
        />
      )}
    </div>
  );
}
