import type { Tree } from '../workflow/tree.ts';
import type { Trees } from './trees.ts';

type Scripts = Tree['scripts'];

/**
 * Renaming a script is taking it away and adding it under another name, which shows in its unchanged text (sync.md, trap 9).
 * What the other side changed in it follows: base and the other side are given the new name, too.
 */
export function followScripts({ base, theirs, ours }: Trees): Trees {
  let trees = { base, theirs, ours };
  for (const [by, other] of [
    ['theirs', 'ours'],
    ['ours', 'theirs'],
  ] as const) {
    for (const [from, text] of Object.entries(base.scripts)) {
      const stays = Object.hasOwn(trees[by].scripts, from) || !Object.hasOwn(trees[other].scripts, from);
      if (stays || trees[other].scripts[from] === text) continue;
      const to = Object.keys(trees[by].scripts).find(
        (path) =>
          trees[by].scripts[path] === text &&
          !Object.hasOwn(trees.base.scripts, path) &&
          !Object.hasOwn(trees[other].scripts, path),
      );
      if (to === undefined) continue;
      trees = { ...trees, base: renamed(trees.base, from, to), [other]: renamed(trees[other], from, to) };
    }
  }
  return trees;
}

function renamed(tree: Tree, from: string, to: string): Tree {
  const scripts = Object.entries(tree.scripts).map(([path, text]) => [path === from ? to : path, text]);
  return { ...tree, scripts: Object.fromEntries(scripts) as Scripts };
}
