import { useVirtualizer } from '@tanstack/react-virtual';
import { useMemo, useRef } from 'react';
import type { Json } from '#shared/json.ts';
import { cx } from '../look/cx.ts';
import { jsonLines, type Token, type TokenKind } from './jsonLines.ts';

const INK: Record<TokenKind, string> = {
  key: 'text-c-key',
  text: 'text-c-str',
  number: 'text-c-num',
  word: 'text-c-num',
  mark: 'text-ink-2',
};

export function Tokens({ tokens }: { tokens: Token[] }) {
  return tokens.map((token, index) => (
    // biome-ignore lint/suspicious/noArrayIndexKey: the tokens of a line have no other name and never move.
    <span key={index} className={INK[token.kind]}>
      {token.text}
    </span>
  ));
}

/** A value as coloured JSON; long ones draw only the lines in view. */
export function JsonView({ value, className }: { value: Json; className?: string }) {
  const lines = useMemo(() => jsonLines(value), [value]);
  const box = useRef<HTMLDivElement>(null);
  const rows = useVirtualizer({
    count: lines.length,
    getScrollElement: () => box.current,
    estimateSize: () => 19,
    overscan: 20,
  });
  return (
    // biome-ignore lint/a11y/useSemanticElements: it is no set of fields.
    <div
      ref={box}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, so the keyboard must reach it.
      tabIndex={0}
      role="group"
      aria-label="JSON"
      className={cx(
        'min-h-0 overflow-auto px-3 py-2 font-mono text-[12px]/[19px] focus-visible:-outline-offset-2',
        className,
      )}
    >
      <div className="relative w-max min-w-full" style={{ height: rows.getTotalSize() }}>
        {rows.getVirtualItems().map((row) => {
          const line = lines[row.index];
          return line ? (
            <div
              key={row.key}
              className="absolute top-0 left-0 whitespace-pre"
              style={{ transform: `translateY(${row.start}px)`, paddingLeft: `${line.indent * 2}ch` }}
            >
              <Tokens tokens={line.tokens} />
            </div>
          ) : null;
        })}
      </div>
    </div>
  );
}
