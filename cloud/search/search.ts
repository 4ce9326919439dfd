import type { Router } from 'express';
import { cloudApi } from '#shared/contract/cloudApi.ts';
import { type MountDeps, mount } from '../server/mount.ts';
import { createSearchService, type SearchDeps } from './searchService.ts';

export function searchRouter(deps: SearchDeps, http: MountDeps): Router {
  return mount('search', cloudApi.search, createSearchService(deps), http);
}
