import { SluiceError } from '#shared/error.ts';
import type { Problem } from '#shared/workflow/problem.ts';
import type { RefusedFile } from '../store/projectFolder.ts';

export const markedProblem = (file: string, line: number): Problem => ({
  file,
  line,
  column: 1,
  severity: 'error',
  code: 'file.merge_markers',
  message: 'The file has conflict markers of Git in it.',
  advice: 'Have the two sides put together, or choose what stays and take the markers out.',
});

export const refusedProblem = ({ file, message }: RefusedFile): Problem => ({
  file,
  line: 1,
  column: 1,
  severity: 'error',
  code: 'file.refused',
  message,
  advice: 'Put a regular file there, or take it away.',
});

export const goneProblem = (file: string): Problem => ({
  file,
  line: 1,
  column: 1,
  severity: 'error',
  code: 'file.gone',
  message: `${file} is gone.`,
  advice: 'Say whether it was meant to go, or have it written again.',
});

export const copyProblem = (file: string): Problem => ({
  file,
  line: 1,
  column: 1,
  severity: 'warning',
  code: 'file.conflicted_copy',
  message: 'A cloud drive put this copy here because the file was changed in two places. It is not read.',
  advice: 'Compare it with the file it is a copy of, take over what you need, and delete it.',
});

/** What keeps files from being written, or from being watched. */
export function troubleOf(thrown: unknown): Problem {
  const { code, message, advice } = SluiceError.from(thrown);
  const place = { file: 'sluice.yaml', line: 1, column: 1 };
  return {
    ...place,
    severity: 'warning',
    code,
    message,
    advice: advice ?? 'What you change is kept; save again later.',
  };
}

export function otherId(file: string): Problem {
  const message = 'The text has another id than the workflow it belongs to.';
  return {
    file,
    line: 1,
    column: 1,
    severity: 'error',
    code: 'workflow.id_changed',
    message,
    advice: 'Put the id back.',
  };
}
