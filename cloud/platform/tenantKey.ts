/**
 * The one way to name what is a workspace's in a cache, a queue, a topic, a count, a lock or a folder: the name begins with
 * the workspace, and no two lists of parts have the same, whatever stands in them. `/` parts them, so that it is a path too.
 *
 * @param parts what it is, then which: ids, names, numbers
 */
export function tenantKey(workspaceId: string, ...parts: readonly (string | number)[]): string {
  return [workspaceId, ...parts].map(escaped).join('/');
}

/** What people type may hold the sign that parts the others. */
function escaped(part: string | number): string {
  const text = String(part);
  return /[%/]/.test(text) ? text.replaceAll('%', '%25').replaceAll('/', '%2F') : text;
}
