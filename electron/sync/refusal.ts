import { SluiceError } from '#shared/error.ts';

/** What the control plane did not take, as it is kept until it does. */
export type Refusal = { code: string; reason: string; next: string; paths: string[][]; at: string };

/** Whether asking again would be answered the same: not an outage, and not a sign-in that has ended. */
export function isRefusal(thrown: unknown): thrown is SluiceError {
  if (!(thrown instanceof SluiceError)) return false;
  return thrown.retry === 'no' && thrown.status !== 401 && thrown.status < 500;
}

/** Refused for what somebody may do or have, not for what the change is: editing more cannot help, asking at each key would only be noise. */
const FOR_NOW: ReadonlySet<string> = new Set([
  'access.denied',
  'client.upgrade_required',
  'project.locked',
  'project.not_found',
  'workspace.not_found',
  'plan.limit_exceeded',
]);
export const staysRefused = (code: string): boolean => FOR_NOW.has(code);

const NEXT: Record<string, string> = {
  'access.denied':
    'Your changes stay on this computer, and what others change still arrives. They are sent once you may edit here; until then you can save them as a new project.',
  'client.upgrade_required':
    'What others change still arrives as far as this version can read it, and you can go on working here. Update Sluice; then your changes are sent.',
  'project.locked': 'Your changes stay on this computer and are sent once the project is unlocked.',
  'project.not_found':
    'The project was removed from the workspace, or you are no longer a member. Everything stays on this computer. Save it as a new project to put it into another workspace.',
  'workspace.not_found': 'You are no longer a member of the workspace. Everything stays on this computer.',
  'plan.limit_exceeded':
    'These changes stay on this computer, where everything goes on working, and are sent once the plan has room for them.',
  'request.too_large': 'It stays on this computer. Make it smaller; then it is sent by itself.',
};

export function refusalOf(error: SluiceError, at: string): Refusal {
  const { code, message, advice } = error;
  const reason = advice ? `${message} ${advice}` : message;
  const rest = pathsOf(error).length > 0 ? 'Everything else is sent all the same. ' : '';
  const next =
    NEXT[code] ?? 'Your changes stay on this computer. Change what it names; then they are sent by themselves.';
  return { code, reason, next: rest + next, paths: pathsOf(error), at };
}

/** The places that a refusal names, where it names any. */
export function pathsOf({ details }: SluiceError): string[][] {
  const paths = details?.paths;
  if (!Array.isArray(paths)) return [];
  return paths.filter((path): path is string[] => Array.isArray(path) && path.every((key) => typeof key === 'string'));
}
