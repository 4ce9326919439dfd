import { Router } from 'express';
import { cloudApi } from '#shared/contract/cloudApi.ts';
import { type MountDeps, mount } from '../server/mount.ts';
import { createConflictService } from './conflictService.ts';
import { createHistoryService } from './historyService.ts';
import { TREE_BYTES } from './projectPolicy.ts';
import { createProjectService, type ProjectDeps } from './projectService.ts';

/** A first commit carries a whole project, so it may be as large as one. */
export function projectRouter(deps: ProjectDeps, http: MountDeps): Router {
  return Router().use(
    mount('projects', cloudApi.projects, createProjectService(deps), http, { bodyBytes: { push: TREE_BYTES } }),
    mount('conflicts', cloudApi.conflicts, createConflictService(deps), http),
    mount('history', cloudApi.history, createHistoryService(deps), http),
  );
}
