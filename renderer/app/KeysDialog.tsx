import { Dialog } from '../look/Dialog.tsx';
import { Kbd } from '../look/Kbd.tsx';
import { now } from '../state/store.ts';

const KEYS: { title: string; keys: [string, string][] }[] = [
  {
    title: 'Everywhere',
    keys: [
      ['Ctrl K', 'Search or run a command'],
      ['Ctrl Enter', 'Run, or run the open step'],
      ['Ctrl Z', 'Undo'],
      ['Ctrl Shift Z', 'Redo'],
      ['Ctrl B', 'Tree'],
      ['Ctrl J', 'Bottom panel'],
      ['Ctrl I', 'Inspector'],
      ['Ctrl \\', 'YAML beside the canvas'],
      ['F6', 'Next area, with Shift the one before'],
      ['?', 'This list'],
    ],
  },
  {
    title: 'In a field',
    keys: [
      ['=', 'Begin an expression'],
      ['Ctrl Space', 'Offer names'],
      ['Tab', 'Take the offered name'],
      ['Alt ↓', 'Try the next item'],
      ['Esc', 'Close what is offered, leave the field'],
    ],
  },
  {
    title: 'In the list of runs',
    keys: [
      ['J K', 'Walk, with Shift pick on the way'],
      ['Enter', 'Open the run beside the list'],
      ['X', 'Pick'],
      ['Ctrl A', 'Pick all'],
      ['R', 'Retry what is picked, or this run'],
      ['Ctrl Enter', 'Approve, where a run asks'],
    ],
  },
  {
    title: 'In the list of conflicts',
    keys: [
      ['J K', 'Next, the one before'],
      ['T', 'Keep theirs'],
      ['M', 'Use mine'],
      ['E', 'Write the answer'],
      ['Ctrl Enter', 'Use what is written'],
    ],
  },
  {
    title: 'On the canvas',
    keys: [
      ['N', 'Add the next step'],
      ['Tab', 'The same'],
      ['← →', 'Walk along the edges'],
      ['Alt ←', 'Move the step'],
      ['Enter', 'Open the step'],
      ['Esc', 'Go back'],
      ['C', 'Connect from here'],
      ['F2', 'Rename'],
      ['D', 'Turn off or on'],
      ['P', 'Pin the output'],
      ['Del', 'Delete'],
      ['Ctrl C', 'Copy as YAML'],
      ['Ctrl V', 'Paste'],
      ['Shift R', 'Run from the selected step'],
      ['Shift L', 'Tidy up'],
      ['1', 'Fit'],
      ['0', 'Zoom to 100 %'],
      ['V', 'Select'],
      ['H', 'Pan'],
    ],
  },
];

export function KeysDialog() {
  return (
    <Dialog open onClose={() => now().setDialog(undefined)} title="Keys" size="form">
      <div className="gap-8 sm:columns-2">
        {KEYS.map((group) => (
          <section key={group.title} className="mb-4 break-inside-avoid">
            <h3 className="mb-2 text-micro font-name text-ink-3">{group.title}</h3>
            <dl>
              {group.keys.map(([keys, does]) => (
                <div key={keys} className="flex min-h-7 items-center gap-2 py-0.5 text-list">
                  <dt className="w-25 flex-none">
                    <Kbd keys={keys} />
                  </dt>
                  <dd className="text-ink-2">{does}</dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
    </Dialog>
  );
}
