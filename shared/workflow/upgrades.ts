import { SluiceError } from '../error.ts';
import { TREE_FORMAT } from './tree.ts';

/**
 * Whether a project's format can be read here. Format 1 is the first, so there is nothing older to upgrade; what turns a
 * format into the next one belongs in here, beside this.
 *
 * @throws SluiceError client.upgrade_required for a newer format, project.invalid for one that never was
 */
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
