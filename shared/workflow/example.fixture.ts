import type { StepCatalog, StepTypeInfo } from './catalog.ts';
import type { ProjectFiles } from './readProject.ts';

/** A whole project as people write it, with comments and hand-made formatting. For tests. */
export const EXAMPLE_FILES: ProjectFiles = {
  'sluice.yaml': `# sluice.yaml
id: 0199f2c4-5d1e-7a3b-9c40-6f2b8e1d7a55
name: Issue triage
format: 1
`,
  'workflows/triage.yaml': `# workflows/triage.yaml (the file's name is the workflow's slug; taken twice, the later becomes triage-2)
id: 0199f2c4-6a02-7c11-8b7e-2d9f4c5e6a01
name: Triage issues
settings: { timezone: Europe/Berlin, durability: step, concurrency: 5 }
steps:
  hook_k3f9:
    uses: trigger.webhook
    config: { path: github, verify: github, answer: respond }
    connection: github-hook
  weekdays_7q2m:
    uses: trigger.schedule
    config: { cron: "0 7 * * 1-5", overlap: skip, catchUpMinutes: 60 }
  fresh_2c7x:
    name: New issue?
    uses: flow.if
    config:
      when: =$json.headers['x-github-event'] === 'issues' && $json.body.action === 'opened'
  score_m4t8:
    uses: code.typescript
    config: { script: scripts/score.ts }
    timeoutMs: 5000
  seen_p1z3:
    uses: table.insert
    config: { table: triaged, key: =$json.number, row: { score: =$json.score } }
  each_h6v2:
    uses: flow.loop
    config: { batch: 10 }
  post_d5w6:
    uses: http.request
    config:
      method: POST
      url: "{{ $env.trackerUrl }}/issues/{{ $json.number }}"
      body: { score: =$json.score, urgent: "=$json.score > $env.threshold ? 'yes' : 'no'" }
      idempotencyHeader: Idempotency-Key # makes the effect keyed
    connection: tracker
    onError: port
    retry: { count: 3, delayMs: 1000, backoff: exponential }
  failed_x0b4:
    uses: items.set
    config: { fields: { problem: =$json.error.message } }
  answer_r8j5:
    uses: flow.respond
    config: { status: 200, body: { handled: =$items.length } }
  count_t5n7:
    uses: table.query
    config: { table: triaged, where: { score: { gt: 3 } } }
edges:
  - hook_k3f9 -> fresh_2c7x
  - fresh_2c7x.true -> score_m4t8
  - fresh_2c7x.false -> answer_r8j5
  - score_m4t8 -> seen_p1z3
  - seen_p1z3 -> each_h6v2
  - each_h6v2.loop -> post_d5w6
  - post_d5w6 -> each_h6v2.next
  - post_d5w6.error -> failed_x0b4
  - failed_x0b4 -> each_h6v2.next
  - each_h6v2.done -> answer_r8j5
  - weekdays_7q2m -> count_t5n7
layout:
  hook_k3f9: [0, 0]
  fresh_2c7x: [240, 0]
`,
  'connections.yaml': `# connections.yaml: references. Secret and allowed hosts live with the connection record, never in the project
github-hook: { connector: webhook }
tracker: { connector: http }
`,
  'environments/local.yaml': `# environments/local.yaml, used by run, serve and test; bindings: name here -> connection record (absent: same name)
vars: { trackerUrl: "https://tracker.example", threshold: 3 }
bindings: { tracker: tracker-sandbox }
`,
  'tests/opened.yaml': `# tests/opened.yaml
name: An opened issue is scored and posted once
workflow: 0199f2c4-6a02-7c11-8b7e-2d9f4c5e6a01
trigger: hook_k3f9
now: 2026-11-20T07:00:00Z
items:
  - json: { headers: { x-github-event: issues }, body: { action: opened, issue: { number: 17, labels: [{ name: bug }] } } }
effects: # answers for outside effects, in order; one that is needed and missing fails the case, nothing is sent
  post_d5w6: [{ status: 201, body: { id: 7 } }]
expect: # objects: the named fields must be equal; lists: same length
  status: succeeded
  answer: { status: 200, body: { handled: 1 } }
  steps: { score_m4t8: [{ json: { number: 17, score: 1 } }] }
  notRun: [failed_x0b4]
`,
  'scripts/score.ts': `export default (item) => ({ number: item.json.body.issue.number, score: item.json.body.issue.labels.length });
`,
  '.gitattributes': 'workflows/*.yaml merge=sluice\n',
  '.gitignore': '.sluice/\nnode_modules/\n',
};

export const TRIAGE = '0199f2c4-6a02-7c11-8b7e-2d9f4c5e6a01';

const text = { type: 'string' };
const fields = (properties: Record<string, unknown>, required: string[] = []) =>
  ({ type: 'object', properties, required, additionalProperties: false }) as StepTypeInfo['configSchema'];
const free = { type: 'object', additionalProperties: {} };

function type(name: string, info: Partial<StepTypeInfo> = {}): StepTypeInfo {
  const trigger = name.startsWith('trigger.');
  return {
    type: name,
    version: 1,
    title: name,
    inputs: trigger ? [] : ['main'],
    outputs: ['main'],
    mode: 'each',
    configSchema: fields({}),
    trigger,
    ...info,
  };
}

/** The step types that the example needs, and two for special ports. */
export const EXAMPLE_CATALOG: StepCatalog = Object.fromEntries(
  [
    type('trigger.manual'),
    type('trigger.webhook', {
      configSchema: fields(
        { path: text, verify: { enum: ['github', 'stripe', 'none'] }, answer: { enum: ['at_once', 'respond'] } },
        ['path'],
      ),
      connector: 'webhook',
    }),
    type('trigger.schedule', {
      configSchema: fields(
        {
          cron: text,
          timezone: text,
          overlap: { enum: ['skip', 'queue'] },
          catchUpMinutes: { type: 'integer', minimum: 0 },
        },
        ['cron'],
      ),
    }),
    type('flow.if', { outputs: ['true', 'false'], configSchema: fields({ when: {} }, ['when']) }),
    type('flow.switch', {
      outputs: ['else'],
      outputsFrom: { list: 'cases', field: 'port' },
      configSchema: fields(
        {
          cases: { type: 'array', items: fields({ port: { ...text, expression: false }, when: {} }, ['port', 'when']) },
        },
        ['cases'],
      ),
    }),
    type('flow.loop', {
      inputs: ['main', 'next'],
      outputs: ['loop', 'done'],
      mode: 'once',
      configSchema: fields({ batch: { type: 'integer', minimum: 1 } }),
    }),
    type('flow.respond', {
      mode: 'once',
      configSchema: fields({ status: { type: 'integer' }, headers: free, body: {} }),
    }),
    type('flow.runWorkflow', {
      mode: 'once',
      configSchema: fields({ workflow: { ...text, expression: false } }, ['workflow']),
    }),
    type('code.typescript', {
      configSchema: fields({ script: { ...text, expression: false }, code: { ...text, expression: false } }),
    }),
    type('items.set', { configSchema: fields({ fields: free, keep: { type: 'boolean' } }) }),
    type('table.insert', { configSchema: fields({ table: text, key: {}, row: free }, ['table', 'key', 'row']) }),
    type('table.query', { mode: 'once', configSchema: fields({ table: text, where: free }, ['table']) }),
    type('http.request', {
      configSchema: fields(
        {
          method: { enum: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'] },
          url: { ...text, minLength: 1 },
          headers: free,
          body: {},
          idempotencyHeader: text,
          retries: { type: 'integer' },
        },
        ['url'],
      ),
      connector: 'http',
    }),
    type('ai.agent', { inputs: ['main', 'model'], singleInputs: ['model'] }),
  ].map((info) => [info.type, info]),
);
