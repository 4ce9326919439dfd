/** A limit that a plan does not have. */
const UNLIMITED = Number.POSITIVE_INFINITY;

export const PLAN_SLUGS = ['free', 'starter', 'pro', 'business', 'enterprise'] as const;
export type PlanSlug = (typeof PLAN_SLUGS)[number];

const MB = 1024 * 1024;
const GB = 1024 * MB;

/** What a workspace plan includes. Money in cents per month; a year costs ten months. Bytes are bytes. */
export type Plan = {
  slug: PlanSlug;
  name: string;
  priceMonthly: number;
  members: number;
  deployedWorkflows: number;
  installedServices: number;
  runsPerMonth: number;
  runsPerDay: number;
  apiCallsPerMonth: number;
  aiTokensPerMonth: number;
  connections: number;
  plugins: number;
  dashboardWidgets: number;
  apiKeys: number;
  requestsPerSecondPerKey: number;
  containerRamBytes: number;
  containerCpu: number;
  storageBytes: number;
  trafficOutBytesPerMonth: number;
  runsAtOnce: number;
  idleSleepMinutes: number;
  autoStart: boolean;
  sessionsAtOnce: number;
  auditDays: number;
  /** 1 is served first. */
  queuePriority: number;
  /** Cents per hosted run above the allowance, once the payer turned overage on; null stops hard. */
  overagePerRun: number | null;
  stepsPerWorkflow: number;
  loopIterations: number;
};

const free: Plan = {
  slug: 'free',
  name: 'Free',
  priceMonthly: 0,
  members: 1,
  deployedWorkflows: 3,
  installedServices: 1,
  runsPerMonth: 1_000,
  runsPerDay: 50,
  apiCallsPerMonth: 10_000,
  aiTokensPerMonth: 10_000,
  connections: 2,
  plugins: 3,
  dashboardWidgets: 4,
  apiKeys: 1,
  requestsPerSecondPerKey: 10,
  containerRamBytes: 512 * MB,
  containerCpu: 0.5,
  storageBytes: 100 * MB,
  trafficOutBytesPerMonth: GB,
  runsAtOnce: 1,
  idleSleepMinutes: 15,
  autoStart: false,
  sessionsAtOnce: 2,
  auditDays: 7,
  queuePriority: 5,
  overagePerRun: null,
  stepsPerWorkflow: 50,
  loopIterations: 1_000,
};

const starter: Plan = {
  ...free,
  slug: 'starter',
  name: 'Starter',
  priceMonthly: 900,
  members: 3,
  deployedWorkflows: 10,
  installedServices: 3,
  runsPerMonth: 10_000,
  runsPerDay: 500,
  apiCallsPerMonth: 100_000,
  aiTokensPerMonth: 50_000,
  connections: 3,
  plugins: 5,
  dashboardWidgets: 6,
  apiKeys: 2,
  requestsPerSecondPerKey: 25,
  containerRamBytes: GB,
  containerCpu: 1,
  storageBytes: GB,
  trafficOutBytesPerMonth: 5 * GB,
  runsAtOnce: 2,
  idleSleepMinutes: 30,
  autoStart: true,
  sessionsAtOnce: 3,
  auditDays: 14,
  queuePriority: 4,
  overagePerRun: 0.1,
  stepsPerWorkflow: 500,
  loopIterations: 100_000,
};

const pro: Plan = {
  ...starter,
  slug: 'pro',
  name: 'Pro',
  priceMonthly: 2_900,
  members: 10,
  deployedWorkflows: 25,
  installedServices: 5,
  runsPerMonth: 50_000,
  runsPerDay: 2_000,
  apiCallsPerMonth: 500_000,
  aiTokensPerMonth: 100_000,
  connections: 5,
  plugins: 10,
  dashboardWidgets: 10,
  apiKeys: 5,
  requestsPerSecondPerKey: 100,
  containerRamBytes: 2 * GB,
  containerCpu: 2,
  storageBytes: 5 * GB,
  trafficOutBytesPerMonth: 10 * GB,
  runsAtOnce: 5,
  idleSleepMinutes: 60,
  sessionsAtOnce: 5,
  auditDays: 30,
  queuePriority: 3,
};

const business: Plan = {
  ...pro,
  slug: 'business',
  name: 'Business',
  priceMonthly: 7_900,
  members: UNLIMITED,
  deployedWorkflows: UNLIMITED,
  installedServices: 15,
  runsPerMonth: 250_000,
  runsPerDay: 10_000,
  apiCallsPerMonth: 5_000_000,
  aiTokensPerMonth: 500_000,
  connections: 10,
  plugins: 25,
  dashboardWidgets: 20,
  apiKeys: 10,
  requestsPerSecondPerKey: 200,
  containerRamBytes: 4 * GB,
  containerCpu: 4,
  storageBytes: 20 * GB,
  trafficOutBytesPerMonth: 100 * GB,
  sessionsAtOnce: 10,
  auditDays: 90,
  queuePriority: 2,
  overagePerRun: 0.05,
};

const enterprise: Plan = {
  ...business,
  slug: 'enterprise',
  name: 'Enterprise',
  priceMonthly: 19_900,
  installedServices: UNLIMITED,
  runsPerMonth: UNLIMITED,
  runsPerDay: UNLIMITED,
  apiCallsPerMonth: UNLIMITED,
  aiTokensPerMonth: 1_000_000,
  connections: UNLIMITED,
  plugins: UNLIMITED,
  dashboardWidgets: UNLIMITED,
  apiKeys: 20,
  requestsPerSecondPerKey: 500,
  containerRamBytes: 8 * GB,
  containerCpu: 8,
  storageBytes: 100 * GB,
  trafficOutBytesPerMonth: UNLIMITED,
  runsAtOnce: 10,
  sessionsAtOnce: UNLIMITED,
  auditDays: 365,
  queuePriority: 1,
};

/** The workspace plans of domain.md 5: the only place where their numbers stand. */
export const PLANS: Record<PlanSlug, Plan> = { free, starter, pro, business, enterprise };

/** What is counted (domain.md 6). */
const METERS = ['workflow.runs', 'workflow.steps', 'traffic.out_bytes'] as const;
export type Meter = (typeof METERS)[number];
