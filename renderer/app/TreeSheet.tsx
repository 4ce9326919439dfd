import { PanelLeft } from 'lucide-react';
import { Popover } from 'radix-ui';
import { Button } from '../look/Button.tsx';
import { ProjectTree } from './ProjectTree.tsx';
import { useWidth } from './useWidth.ts';

/** Where the window is too narrow for the tree, it opens from the rail. */
export function TreeSheet() {
  if (useWidth() >= 1100) return null;
  return (
    <Popover.Root>
      <Popover.Trigger asChild>
        <Button look="ghost" aria-label="Project tree" icon={<PanelLeft className="icon" />} />
      </Popover.Trigger>
      <Popover.Portal>
        <Popover.Content
          side="right"
          align="start"
          sideOffset={8}
          collisionPadding={8}
          className="z-50 flex max-h-[80vh] w-60 flex-col overflow-hidden rounded-panel bg-app shadow-pop"
        >
          <ProjectTree />
        </Popover.Content>
      </Popover.Portal>
    </Popover.Root>
  );
}
