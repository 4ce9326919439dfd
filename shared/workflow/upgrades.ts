import { SluiceError } from '../error.ts';
import type { JsonObject } from '../json.ts';
import { TREE_FORMAT } from './tree.ts';

/**
 * Old documents to new ones: the entry at `n` turns a tree of format n into one of format n + 1. Pure: no clock, no
 * settings, no network. Format 1 is the first, so there is nothing older to upgrade.
 */
const UPGRADES: Record<number, (tree: JsonObject) => JsonObject> = {};

/** @throws SluiceError client.upgrade_required for a newer format, project.invalid for one that never was */
export function checkFormat(format: unknown): void {
  if (!Number.isInteger(format) || (format as number) < 1) {
    const advice = `Write "format: ${TREE_FORMAT}" in sluice.yaml.`;
    throw new SluiceError('project.invalid', `${JSON.stringify(format) ?? 'Nothing'} is not a format of a project.`, {
      advice,
    });
  }
  if ((format as number) > TREE_FORMAT) {
    throw new SluiceError(
      'client.upgrade_required',
      `The project has format ${format}; this version of Sluice reads up to ${TREE_FORMAT}.`,
      {
        advice: 'Install the newest Sluice. Nothing was changed.',
        details: { format: format as number, known: TREE_FORMAT },
      },
    );
  }
}

/**
 * A tree of any known format as one of the newest. Its shape is for the caller to check with the schema `Tree`.
 *
 * @throws SluiceError client.upgrade_required, project.invalid
 */
export function upgradeTree(tree: JsonObject, upgrades = UPGRADES, newest: number = TREE_FORMAT): JsonObject {
  const project = tree.project as JsonObject | undefined;
  checkFormat(project?.format);
  let upgraded = tree;
  for (let format = project?.format as number; format < newest; format++) {
    const upgrade = upgrades[format];
    if (!upgrade) throw new SluiceError('project.invalid', `There is no way from format ${format} to ${format + 1}.`);
    upgraded = upgrade(upgraded);
  }
  return upgraded;
}
