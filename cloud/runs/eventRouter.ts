import type { Router } from 'express';
import { cloudApi } from '#shared/contract/cloudApi.ts';
import { type MountDeps, mount } from '../server/mount.ts';
import { createEventService, type EventDeps } from './eventService.ts';

export function eventRouter(deps: EventDeps, http: MountDeps): Router {
  return mount('events', cloudApi.events, createEventService(deps), http);
}
