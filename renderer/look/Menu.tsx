import { ContextMenu, DropdownMenu } from 'radix-ui';
import { Fragment, type ReactElement, type ReactNode } from 'react';
import { cx } from './cx.ts';
import { Kbd } from './Kbd.tsx';

export type MenuEntry =
  | {
      label: string;
      icon?: ReactNode;
      keys?: string;
      hint?: string;
      danger?: boolean;
      disabled?: boolean;
      onSelect: () => void;
    }
  | 'line';

const BOX = 'z-60 min-w-48 rounded-card bg-raised p-1 shadow-pop outline-none animate-[pop-in_120ms_ease-out]';
const ROW =
  'flex h-7 items-center gap-2 rounded-[5px] px-2 text-list outline-none select-none data-[highlighted]:bg-selected data-[disabled]:text-ink-off';

type Kit = Pick<typeof DropdownMenu, 'Item' | 'Separator'>;

function rows(kit: Kit, entries: MenuEntry[]) {
  let lines = 0;
  return entries.map((entry) => {
    if (entry === 'line') {
      lines += 1;
      return <kit.Separator key={`line${lines}`} className="my-1 h-px bg-line" />;
    }
    return (
      <Fragment key={entry.label}>
        <kit.Item
          disabled={entry.disabled}
          onSelect={entry.onSelect}
          className={cx(ROW, entry.danger && 'text-bad-ink')}
        >
          <span className="flex w-4 flex-none justify-center">{entry.icon}</span>
          <span className="flex-1 pr-4">{entry.label}</span>
          {entry.hint && <span className="text-micro text-ink-3">{entry.hint}</span>}
          {entry.keys && <Kbd keys={entry.keys} />}
        </kit.Item>
      </Fragment>
    );
  });
}

/** A menu that opens from its button. */
export function Menu({
  trigger,
  entries,
  align = 'end',
  label,
}: {
  trigger: ReactElement;
  entries: MenuEntry[];
  align?: 'start' | 'end';
  label?: ReactNode;
}) {
  return (
    <DropdownMenu.Root>
      <DropdownMenu.Trigger asChild>{trigger}</DropdownMenu.Trigger>
      <DropdownMenu.Portal>
        <DropdownMenu.Content align={align} sideOffset={4} collisionPadding={8} className={BOX}>
          {label && <div className="px-2 py-1.5 text-small">{label}</div>}
          {rows(DropdownMenu, entries)}
        </DropdownMenu.Content>
      </DropdownMenu.Portal>
    </DropdownMenu.Root>
  );
}

/** The same menu on right-click and `Shift F10`. */
export function RowMenu({ children, entries }: { children: ReactElement; entries: MenuEntry[] }) {
  return (
    <ContextMenu.Root>
      <ContextMenu.Trigger asChild>{children}</ContextMenu.Trigger>
      <ContextMenu.Portal>
        <ContextMenu.Content collisionPadding={8} className={BOX}>
          {rows(ContextMenu as unknown as Kit, entries)}
        </ContextMenu.Content>
      </ContextMenu.Portal>
    </ContextMenu.Root>
  );
}
