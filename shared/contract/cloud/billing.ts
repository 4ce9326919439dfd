import { z } from 'zod';
import { Time } from '../../ids.ts';
import { PLAN_SLUGS } from '../../plan.ts';
import type { HttpGroup } from '../contract.ts';
import { Empty, MeterUsage } from './common.ts';

export const billing = {
  usage: {
    route: 'GET /v1/usage',
    access: 'usage:read',
    rate: 'read',
    input: Empty,
    output: z.strictObject({ plan: z.enum(PLAN_SLUGS), meters: z.array(MeterUsage) }),
  },
  subscription: {
    route: 'GET /v1/billing/subscription',
    access: 'billing:read',
    rate: 'read',
    input: Empty,
    output: z.strictObject({
      plan: z.enum(PLAN_SLUGS),
      status: z.enum(['none', 'incomplete', 'trialing', 'active', 'past_due', 'paused', 'canceled']),
      cycle: z.enum(['month', 'year']).optional(),
      periodEnd: Time.optional(),
      cancelAtPeriodEnd: z.boolean(),
    }),
  },
  /** The address of the provider's own page, where the owner pays. */
  checkout: {
    route: 'POST /v1/billing/checkout',
    access: 'billing:write',
    rate: 'write',
    input: z.strictObject({
      plan: z.enum(['starter', 'pro', 'business']),
      cycle: z.enum(['month', 'year']).default('month'),
    }),
    output: z.strictObject({ url: z.url() }),
  },
  portal: {
    route: 'POST /v1/billing/portal',
    access: 'billing:write',
    rate: 'write',
    input: Empty,
    output: z.strictObject({ url: z.url() }),
  },
} as const satisfies HttpGroup;
