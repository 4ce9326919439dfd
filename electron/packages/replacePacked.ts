import type { Edit } from '#shared/workflow/edit.ts';
import type { Tree } from '#shared/workflow/tree.ts';

/**
 * The edits after which these are the packed scripts of a project, and no others.
 *
 * @param texts by their path in the project, below `scripts/`
 * @param isPacked whether a script was put there by packing; its path without `scripts/`
 */
export function replacePacked(
  tree: Tree,
  texts: Readonly<Record<string, string>>,
  isPacked: (path: string) => boolean,
): Edit[] {
  const edits: Edit[] = [];
  for (const [full, text] of Object.entries(texts)) {
    const path = full.slice('scripts/'.length);
    if (!Object.hasOwn(tree.scripts, path) || tree.scripts[path] !== text)
      edits.push({ type: 'setScript', path, text });
  }
  for (const path of Object.keys(tree.scripts)) {
    if (isPacked(path) && !Object.hasOwn(texts, `scripts/${path}`)) edits.push({ type: 'removeScript', path });
  }
  return edits;
}
