import { ChevronLeft, ChevronRight } from 'lucide-react';
import { Button } from '../look/Button.tsx';
import { now, useEditor } from '../state/store.ts';

/** To the item before and the next one; all views of a step look at the same item. */
export function ItemSwitch({ count }: { count: number }) {
  const index = useEditor((state) => Math.min(state.itemIndex, Math.max(0, count - 1)));
  if (count < 2) return null;
  return (
    <span className="ml-auto flex items-center">
      <Button
        look="ghost"
        size="sm"
        aria-label="Item before"
        disabled={index === 0}
        icon={<ChevronLeft className="icon-s" />}
        onClick={() => now().setItemIndex(index - 1)}
      />
      <Button
        look="ghost"
        size="sm"
        aria-label="Next item"
        disabled={index >= count - 1}
        icon={<ChevronRight className="icon-s" />}
        onClick={() => now().setItemIndex(index + 1)}
      />
    </span>
  );
}
