import type { StepCatalog } from '#shared/workflow/catalog.ts';
import { projectFiles } from '#shared/workflow/files.ts';
import { type ProjectFiles, readProject } from '#shared/workflow/readProject.ts';
import type { Tree } from '#shared/workflow/tree.ts';
import type { ProjectDb } from '../store/projectDb.ts';
import { isProjectPath, readProjectFile, type WriteDeps, writeProjectFile } from '../store/projectFolder.ts';
import { farPins, readFar, withFarPins } from './farPins.ts';
import { type Beside, type FolderState, lazySources, understandFolder } from './folderState.ts';
import { createPinTexts } from './pinTexts.ts';

/** What was found in a project's folder. */
export type FoundFiles = Beside & { files: ProjectFiles };

export type ProjectTexts = ReturnType<typeof createProjectTexts>;

/**
 * The texts of a project's files: as they are on the disk, as they should be with what the canvas did since, and what they
 * say. Nothing here commits; the log holds the tree.
 *
 * @param tree the project as it is now
 * @throws SluiceError project.invalid where nothing can be made of what was found
 */
export function createProjectTexts(
  {
    dir,
    db,
    catalog,
    saving,
  }: { dir: string; db: ProjectDb; catalog: StepCatalog; saving: Omit<WriteDeps, 'expected'> },
  tree: () => Tree,
  found: FoundFiles,
) {
  const pins = createPinTexts(db);
  /** Pins that no file here can hold. */
  let far = readFar(db.meta('pins.far'));
  let onDisk = found.files;
  let seenCopies = found.copies.join('\n');
  pins.learn(onDisk);
  let folder = understand(found, db.baseFiles());
  /** As the files should be: those on the disk, changed by what the canvas did since. */
  let texts: ProjectFiles = { ...folder.good };
  /** The tree that `texts` says; undefined where it must be looked at again. */
  let written: Tree | undefined = folder.tree;

  function understand(now: FoundFiles, lastGood: ProjectFiles): FolderState {
    const state = understandFolder(now.files, now, lastGood, catalog);
    return { ...state, tree: withFarPins(state.tree, far) };
  }

  function treeOf(files: ProjectFiles): Tree | undefined {
    const read = readProject(files, catalog).tree;
    return read && withFarPins(read, far);
  }

  /** Brings the texts up to the tree. */
  function follow(): void {
    if (written === tree()) return;
    for (const [path, text] of Object.entries(projectFiles(tree(), texts, { catalog, pins: pins.byHash }))) {
      // Git's own files are made with the project; later they are the person's.
      if (!isProjectPath(path)) continue;
      if (text === null) delete texts[path];
      else texts[path] = text;
    }
    written = tree();
  }

  return {
    pins,
    /** What the files say, and which of them are left alone. */
    folder: () => folder,
    follow,
    /** Whether the texts say what the project is. */
    isFollowed: () => written === tree(),
    onDisk: (path: string) => onDisk[path],
    /** As the file should be. */
    wanted: (path: string) => texts[path],
    /** What the project would say with another text of one file. */
    readWith: (path: string, text: string) => readProject({ ...texts, [path]: text }, catalog),
    /** The text that says what the project is now; its comments and order stay as they were typed. */
    put(path: string, text: string): void {
      texts[path] = text;
      written = tree();
    },

    /**
     * What the files said when files and tree last agreed; where they are still as they were, that is what they say now.
     *
     * @returns undefined where they never agreed
     */
    agreed(): Tree | undefined {
      const base = db.baseFiles();
      if (Object.keys(base).length === 0) return undefined;
      return sameTexts(base, folder.good) ? folder.tree : (treeOf(base) ?? folder.tree);
    },

    isAsFound: ({ files, refused, copies }: FoundFiles) =>
      sameTexts(files, onDisk) &&
      copies.join('\n') === seenCopies &&
      refused.every(({ file }) => folder.unreadable.has(file)),

    /** @param confirmed files that are gone and were meant to go */
    understand: (now: FoundFiles, confirmed: readonly string[]) =>
      understand(now, confirmed.length === 0 ? folder.good : without(folder.good, confirmed)),

    /** Takes what was found for what is there. @param merged what becomes of the project with it */
    take(now: FoundFiles, state: FolderState, merged: Tree): void {
      pins.learn(now.files);
      onDisk = now.files;
      seenCopies = now.copies.join('\n');
      folder = state;
      texts = { ...state.good };
      written = merged === state.tree ? merged : undefined;
    },

    /** Takes the files that are gone for files that are to be written again. */
    wantGone(): void {
      for (const file of folder.gone) folder.unreadable.delete(file);
      folder = { ...folder, gone: [], problems: folder.problems.filter(({ code }) => code !== 'file.gone') };
    },

    /** Whether somebody else wrote a file that is to be written. */
    async isChangedBehindUs(): Promise<boolean> {
      follow();
      for (const path of new Set([...Object.keys(texts), ...Object.keys(onDisk)])) {
        if (texts[path] === onDisk[path]) continue;
        const there = await readProjectFile(dir, path).catch(() => undefined);
        if (there !== onDisk[path]) return true;
      }
      return false;
    },

    /** Writes the files that are not as they should be. @throws SluiceError file.changed, disk.failed */
    async write(): Promise<void> {
      follow();
      const wanted = { ...texts };
      for (const path of new Set([...Object.keys(wanted), ...Object.keys(onDisk)])) {
        if (wanted[path] === onDisk[path] || folder.unreadable.has(path)) continue;
        await writeProjectFile(dir, path, wanted[path], { ...saving, expected: { text: onDisk[path] } });
        if (wanted[path] === undefined) delete onDisk[path];
        else onDisk[path] = wanted[path];
      }
    },

    /** Files and tree agree at a revision, except for files that are left alone: the base of the next merge. */
    settle(revision = db.revision()): void {
      const left = folder.unreadable;
      const good: ProjectFiles = {};
      for (const [path, text] of Object.entries(texts)) {
        const kept = left.has(path) ? folder.good[path] : text;
        if (kept !== undefined) good[path] = kept;
      }
      // What was gone and was then deleted on the canvas as well is settled.
      for (const path of left.keys()) if (texts[path] === undefined && onDisk[path] === undefined) left.delete(path);
      const before = db.baseFiles();
      const changed: Record<string, string | null> = {};
      for (const path of Object.keys(before)) if (good[path] === undefined) changed[path] = null;
      for (const [path, text] of Object.entries(good)) if (before[path] !== text) changed[path] = text;
      const waits = left.size > 0 && [...left.keys()].some((path) => texts[path] !== good[path]);
      db.setFlushed(revision, changed, waits ? written : undefined);
      far = farPins(written ?? tree(), (hash) => Object.hasOwn(pins.byHash, hash));
      db.setMeta('pins.far', Object.keys(far).length > 0 ? JSON.stringify(far) : undefined);
      const says = left.size === 0 ? written : treeOf(good);
      const gone = folder.gone.filter((path) => left.has(path));
      folder = { ...folder, good, gone, tree: says ?? folder.tree, sources: lazySources(good, catalog) };
    },
  };
}

function without(files: ProjectFiles, paths: readonly string[]): ProjectFiles {
  return Object.fromEntries(Object.entries(files).filter(([path]) => !paths.includes(path)));
}

function sameTexts(a: ProjectFiles, b: ProjectFiles): boolean {
  const paths = Object.keys(a);
  return paths.length === Object.keys(b).length && paths.every((path) => a[path] === b[path]);
}
