import { Search } from 'lucide-react';
import { type ReactNode, useEffect, useRef } from 'react';
import { cx } from './cx.ts';
import { Kbd } from './Kbd.tsx';

type SearchListProps = {
  /** Of the list; its options have ids of their own. */
  id: string;
  /** What is asked, as label and placeholder. */
  label: string;
  /** What the list holds, for readers. */
  listLabel: string;
  typed: string;
  onTyped: (text: string) => void;
  /** How many options there are, and which one Enter takes. */
  count: number;
  active: number;
  activeId: string | undefined;
  onActive: (index: number) => void;
  onChoose: (index: number) => void;
  children: ReactNode;
};

/** A line to search with and the options below it. Focus stays in the line; arrows move, Enter chooses. */
export function SearchList(props: SearchListProps) {
  const { id, label, listLabel, typed, onTyped, count, active, activeId, onActive, onChoose, children } = props;
  const list = useRef<HTMLDivElement>(null);
  useEffect(() => {
    list.current?.querySelector(`[data-index="${active}"]`)?.scrollIntoView({ block: 'nearest' });
  }, [active]);

  return (
    <>
      <div className="flex h-12 flex-none items-center gap-2.5 border-b border-line px-4">
        <Search className="icon text-ink-3" aria-hidden />
        <input
          // biome-ignore lint/a11y/noAutofocus: it is shown because somebody asked to search.
          autoFocus
          role="combobox"
          aria-expanded
          aria-controls={id}
          aria-activedescendant={activeId}
          aria-label={label}
          placeholder={label}
          value={typed}
          onChange={(event) => {
            onTyped(event.target.value);
            onActive(0);
          }}
          onKeyDown={(event) => {
            if (event.key === 'ArrowDown') onActive(Math.min(count - 1, active + 1));
            else if (event.key === 'ArrowUp') onActive(Math.max(0, active - 1));
            else if (event.key === 'Enter') onChoose(active);
            else return;
            event.preventDefault();
          }}
          className="min-w-0 flex-1 bg-transparent text-lead outline-none placeholder:text-ink-3"
        />
        <Kbd keys="Esc" />
      </div>
      <div ref={list} id={id} role="listbox" aria-label={listLabel} className="min-h-0 flex-1 overflow-auto p-1.5">
        {children}
      </div>
    </>
  );
}

type SearchOptionProps = {
  id: string;
  index: number;
  active: boolean;
  icon: ReactNode;
  title: ReactNode;
  text?: string;
  onActive: (index: number) => void;
  onChoose: (index: number) => void;
  /** At the end of the row. */
  children?: ReactNode;
};

/** One option of a search list. */
export function SearchOption(props: SearchOptionProps) {
  const { id, index, active, icon, title, text, onActive, onChoose, children } = props;
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the search line above it takes the keys.
    <div
      id={id}
      data-index={index}
      role="option"
      tabIndex={-1}
      aria-selected={active}
      onPointerMove={() => onActive(index)}
      onClick={() => onChoose(index)}
      className={cx('flex h-9 items-center gap-2.5 rounded-control px-2.5', active && 'bg-selected')}
    >
      <span className={cx('flex', active ? 'text-accent-ink' : 'text-ink-2')}>{icon}</span>
      <span className="flex-none">{title}</span>
      <span className="min-w-0 flex-1 truncate text-small text-ink-3">{text}</span>
      {children}
    </div>
  );
}
