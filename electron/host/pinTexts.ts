import { SluiceError } from '#shared/error.ts';
import { sha256Hex } from '#shared/workflow/hash.ts';
import type { ProjectFiles } from '#shared/workflow/readProject.ts';
import type { Item, Tree } from '#shared/workflow/tree.ts';
import type { ProjectDb } from '../store/projectDb.ts';

const MAX_BYTES = 10 * 1_048_576;

/** The texts of pinned items by their hash: those in the files, and those that an undo may bring back. */
export type PinTexts = {
  byHash: Record<string, string>;
  /** Learns the pins that files hold. */
  learn(files: ProjectFiles): void;
  /** Keeps items as a pin's text, durably. @throws SluiceError request.too_large */
  keep(items: Item[]): { hash: string; bytes: number };
  /** The items pinned to a step; none where nothing is. */
  items(tree: Tree, workflowId: string, stepId: string): Item[];
};

export function createPinTexts(db: ProjectDb): PinTexts {
  const byHash = db.pinTexts();
  return {
    byHash,
    learn: (files) => {
      for (const [path, text] of Object.entries(files)) {
        if (!path.startsWith('tests/pins/')) continue;
        const plain = text.replaceAll('\r\n', '\n');
        byHash[sha256Hex(plain)] = plain;
      }
    },
    keep: (items) => {
      const text = `${JSON.stringify(items, null, 2)}\n`;
      const bytes = Buffer.byteLength(text);
      if (bytes > MAX_BYTES) {
        throw new SluiceError('request.too_large', `The items have ${bytes} bytes; a pin holds at most 10 MB.`, {
          advice: 'Pin fewer items.',
        });
      }
      const hash = sha256Hex(text);
      byHash[hash] = text;
      db.keepPinText(hash, text);
      return { hash, bytes };
    },
    items: (tree, workflowId, stepId) => {
      const pin = tree.pins[workflowId]?.[stepId];
      const text = pin && byHash[pin.hash];
      return text === undefined ? [] : (JSON.parse(text) as Item[]);
    },
  };
}
