import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { v7 as uuid } from 'uuid';
import { expect, test } from 'vitest';
import { boundProject, cloudServer, desktop, until, variable } from '../../tests/fixtures/syncDesktop.ts';

test('whichever workspaces somebody looks into, leaves or signs in to, the projects of this computer stay where and what they are', async () => {
  const cloud = await cloudServer();
  const mill = { ...(cloud.account.workspaces[0] as (typeof cloud.account.workspaces)[number]) };
  const dock = { ...mill, id: uuid(), name: 'Dock', slug: 'dock' };
  cloud.account.workspaces = [mill, dock];
  const first = await desktop(cloud);
  const inMill = await boundProject(cloud, first);
  const inDock = await first.client.projects.create({ name: 'Unload' });
  await first.client.projects.open({ projectId: inDock.id });
  await first.client.sync.bind({ projectId: inDock.id, workspaceId: dock.id });
  const alone = await first.client.projects.create({ name: 'Alone' });

  const listed = async (on = first) => {
    const projects = await on.client.projects.list({});
    for (const { dir } of projects) expect(existsSync(join(dir, 'sluice.yaml'))).toBe(true);
    // Where each stands changes with the sign-in; which there are, where, and whose they are does not.
    return projects
      .map(({ id, name, dir, trusted, workflowCount, sync }) => [
        id,
        name,
        dir,
        trusted,
        workflowCount,
        sync.workspaceId,
      ])
      .sort();
  };
  const before = await listed();
  expect(before).toEqual(
    [
      [inMill.id, 'Triage', inMill.dir, true, 1, mill.id],
      [inDock.id, 'Unload', inDock.dir, true, 1, dock.id],
      [alone.id, 'Alone', alone.dir, true, 1, undefined],
    ].sort(),
  );
  const workspaces = async (on = first) => (await on.client.account.state({})).workspaces.map(({ slug }) => slug);
  const remote = async (workspaceId: string) =>
    (await first.client.sync.remote({ workspaceId, limit: 10 })).data.map(({ id }) => id);

  // Into one and into the other.
  expect(await workspaces()).toEqual(['mill', 'dock']);
  for (const _ of [1, 2]) {
    expect([await remote(mill.id), await remote(dock.id)]).toEqual([[inMill.id], [inDock.id]]);
    expect(await listed()).toEqual(before);
  }

  // No longer in one of them; and what is done meanwhile in its project stays here.
  await first.close();
  cloud.account.workspaces = [mill];
  const again = await desktop(cloud, first);
  await until(async () => expect(await workspaces(again)).toEqual(['mill']));
  await again.edit(inDock.id, variable('word', 'kept'));
  await again.reaches(inDock.id, 'cannot_sync');
  await again.edit(inMill.id, variable('word', 'sent'));
  await until(() => expect(inMill.head().tree.environments.local?.vars.word).toBe('sent'));
  expect(await listed(again)).toEqual(before);

  // Nobody, and then somebody else, who is in another workspace.
  await again.client.account.signOut({});
  expect(await workspaces(again)).toEqual([]);
  expect(await listed(again)).toEqual(before);
  await again.close();
  cloud.account.user = { ...cloud.account.user, id: uuid(), name: 'Sam', email: 'sam@example.com' };
  cloud.account.workspaces = [{ ...mill, id: uuid(), name: 'Barn', slug: 'barn' }];
  const other = await desktop(cloud, again);
  await until(async () => expect(await workspaces(other)).toEqual(['barn']));
  for (const { id } of [inMill, inDock, alone]) await other.client.projects.open({ projectId: id });
  await other.reaches(inMill.id, 'cannot_sync');
  expect(await listed(other)).toEqual(before);
  expect((await other.tree(inDock.id)).environments.local?.vars.word).toBe('kept');

  // Back in both, what waited is sent.
  await other.close();
  cloud.account.workspaces = [mill, dock];
  const back = await desktop(cloud, again);
  for (const { id } of [inMill, inDock]) await back.client.projects.open({ projectId: id });
  await until(() => expect(cloud.projects.get(inDock.id)?.tree.environments.local?.vars.word).toBe('kept'));
  expect(await listed(back)).toEqual(before);
});
