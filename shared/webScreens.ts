/** The screens of the web, each at an address of its own below `/app`. `projects` is also at `/app` itself. */
export const WEB_SCREENS = [
  'overview',
  'projects',
  'runs',
  'versions',
  'connections',
  'members',
  'keys',
  'audit',
  'workspace',
  'notifications',
  'sessions',
] as const;
export type WebScreen = (typeof WEB_SCREENS)[number];

const PROJECT = /^\/app\/p\/([0-9a-f-]{36})(?:\/|$)/;

/** The project that an address of the web names. */
export function projectOfPath(path: string): string | undefined {
  return PROJECT.exec(path)?.[1];
}

/** Whether the web shows something of its own at an address: a screen or a project. */
export function isWebPlace(path: string): boolean {
  const [, app, name = ''] = path.split('/');
  if (app !== 'app') return false;
  return name === '' || WEB_SCREENS.some((one) => one === name) || projectOfPath(path) !== undefined;
}
