/**
 * What is kept, of whom, for how long, and what becomes of it when somebody asks for it or leaves. Exports and erasure are
 * made from this and from nothing else; a table or a column that names a person and is not in here fails a test.
 */
export type MapRow = {
  table: string;
  /** Whose rows they are. What is a workspace's goes with it; what is a person's goes with them; the rest is nobody's. */
  of: 'workspace' | 'person' | 'platform';
  /** In words, for people. */
  holds: string;
  kept: string;
  /** Columns that say something about a person: more than the id that stays behind when its name is gone. */
  personal?: string[];
  /** Columns that never leave: keys, hashes of keys, and what is sealed. */
  secret?: string[];
  /** Made from other rows, or of use to our own programs only, so no export has it. */
  inner?: true;
  /** Which rows are about a person, in SQL over `t` (the row) and `who` (`id`, `email`, `name`): what their export has. */
  about?: string;
  /** What becomes of those rows when the person is erased. Without it they stay, and name nobody any more. */
  erase?: { delete: string } | { update: string; where: string } | { by: 'function' | 'account' };
};

const WORKSPACE = 'as long as the workspace';
const ACCOUNT = 'as long as the account';
const OWN = 't.user_id = who.id';

export const DATA_MAP: MapRow[] = [
  // ------------------------------------------------------------------------------------------- a person's own
  {
    table: 'user_account',
    of: 'person',
    holds: 'name, e-mail address, and the hash of the password',
    kept: 'as long as the account; then a row without a name, so that what the person made still has an author',
    personal: ['email', 'name', 'last_login_at', 'email_verified_at'],
    secret: ['password_hash'],
    about: 't.id = who.id',
    erase: { by: 'account' },
  },
  {
    table: 'session',
    of: 'person',
    holds: 'sign-ins: when, from which address, with which program',
    kept: ACCOUNT,
    personal: ['ip', 'user_agent'],
    secret: ['access_hash', 'refresh_hash', 'successor_sealed'],
    about: OWN,
    erase: { delete: OWN },
  },
  {
    table: 'device',
    of: 'person',
    holds: 'names of the devices that were signed in',
    kept: ACCOUNT,
    personal: ['name'],
    about: OWN,
    erase: { delete: OWN },
  },
  {
    table: 'verification_token',
    of: 'person',
    holds: 'links that were sent to confirm an address or set a password',
    kept: ACCOUNT,
    secret: ['token_hash'],
    about: OWN,
    erase: { delete: OWN },
  },
  {
    table: 'authorization_code',
    of: 'person',
    holds: 'sign-ins of a desktop on their way',
    kept: ACCOUNT,
    secret: ['code_hash', 'code_challenge'],
    about: OWN,
    erase: { delete: OWN },
  },
  {
    table: 'second_factor',
    of: 'person',
    holds: 'whether a second factor is on, and its sealed key',
    kept: ACCOUNT,
    secret: ['secret_sealed', 'last_step'],
    about: OWN,
    erase: { delete: OWN },
  },
  {
    table: 'recovery_code',
    of: 'person',
    holds: 'hashes of recovery codes',
    kept: ACCOUNT,
    secret: ['code_hash'],
    about: OWN,
    erase: { delete: OWN },
  },
  {
    table: 'linked_account',
    of: 'person',
    holds: 'accounts of other providers that sign the person in',
    kept: ACCOUNT,
    personal: ['email', 'provider_account_id'],
    about: OWN,
    erase: { delete: OWN },
  },
  {
    table: 'provider_sign_in',
    of: 'platform',
    holds: 'sign-ins that went to another provider and are not done',
    kept: 'minutes',
    personal: ['identity'],
    secret: ['cookie_hash'],
    about: "jsonb_exists(t.identity->'emails', who.email)",
    erase: { delete: "jsonb_exists(t.identity->'emails', who.email)" },
  },
  {
    table: 'device_authorization',
    of: 'platform',
    holds: 'programs without a browser that wait to be signed in',
    kept: 'minutes',
    personal: ['device_name', 'ip', 'user_agent'],
    secret: ['device_code_hash', 'user_code_hash'],
    about: OWN,
    erase: { delete: OWN },
  },
  {
    table: 'account_event',
    of: 'person',
    holds: 'what happened to the account: sign-ins, failures, changes',
    kept: ACCOUNT,
    personal: ['ip', 'user_agent', 'metadata'],
    about: OWN,
    erase: { by: 'function' },
  },
  {
    table: 'idempotency_key',
    of: 'person',
    holds: 'answers that are kept for a request that may come twice',
    kept: '24 hours',
    personal: ['answer'],
    secret: ['key', 'body_hash'],
    about: OWN,
    erase: { delete: OWN },
  },
  {
    table: 'notification_preference',
    of: 'person',
    holds: 'what the person wants to be told, and how',
    kept: ACCOUNT,
    about: OWN,
    erase: { delete: OWN },
  },
  {
    table: 'notification',
    of: 'person',
    holds: 'what the person was told',
    kept: 'as long as the account, and as long as the membership of the workspace that it is about',
    personal: ['title', 'message', 'data'],
    about: OWN,
    erase: { delete: `${OWN} or t.data->>'userId' = who.id::text` },
  },
  {
    table: 'account_erasure',
    of: 'person',
    holds: 'that the person asked to be erased, and when it is done',
    kept: '30 days',
    secret: ['restore_hash', 'owner', 'lease_until'],
    about: OWN,
    erase: { by: 'account' },
  },
  {
    table: 'mail_outbox',
    of: 'platform',
    holds: 'letters that wait to be sent, sealed',
    kept: 'until the mail server has taken them, at most two days; that one was given up 30 days',
    personal: ['sealed'],
    secret: ['sealed'],
    inner: true,
  },
  {
    table: 'attempt',
    of: 'platform',
    holds: 'how often a password or a code was tried, under a keyed hash of the address; it names nobody',
    kept: 'an hour at most, a day for an address that showed a letter',
    secret: ['key_hash'],
    inner: true,
  },
  {
    table: 'stripe_event',
    of: 'platform',
    holds: 'numbers of events of the payment provider that were dealt with',
    kept: 'for ever; they name nobody',
    inner: true,
  },

  // ------------------------------------------------------------------------------------------- a workspace's
  {
    table: 'workspace',
    of: 'workspace',
    holds: 'its name, plan and owner',
    kept: 'until 30 days after it was deleted',
    personal: ['owner_id'],
    about: 't.owner_id = who.id',
  },
  {
    table: 'membership',
    of: 'workspace',
    holds: 'who belongs to it, and what they may do',
    kept: WORKSPACE,
    personal: ['user_id', 'permissions'],
    about: OWN,
    erase: { delete: OWN },
  },
  {
    table: 'invitation',
    of: 'workspace',
    holds: 'addresses that were invited, by whom, and what became of it',
    kept: WORKSPACE,
    personal: ['email'],
    secret: ['token_hash'],
    about: 't.email = who.email or t.invited_by_id = who.id',
    erase: { delete: 't.email = who.email or t.invited_by_id = who.id' },
  },
  {
    table: 'audit_entry',
    of: 'workspace',
    holds: 'who did what, when, and from where',
    kept: 'as many days as the plan shows: 7 to 365',
    personal: ['actor_id', 'actor_name', 'ip', 'user_agent', 'about'],
    secret: ['person_salt'],
    about: "t.actor_id = who.id or t.about->>'userId' = who.id::text or t.about->>'email' = who.email",
    erase: { by: 'function' },
  },
  { table: 'audit_seal', of: 'workspace', holds: 'signatures of the audit log', kept: WORKSPACE, secret: ['mac'] },
  {
    table: 'api_key',
    of: 'workspace',
    holds: 'names and scopes of API keys, who made them, and when they were last used',
    kept: WORKSPACE,
    personal: ['last_used_ip', 'name'],
    secret: ['key_hash', 'previous_hash'],
    about: 't.created_by_id = who.id',
    erase: { delete: 't.created_by_id = who.id' },
  },
  {
    table: 'workspace_key',
    of: 'workspace',
    holds: 'the sealed key of its secrets; without it a backup of them is worthless',
    kept: WORKSPACE,
    secret: ['wrapped'],
  },
  { table: 'upkeep_claim', of: 'workspace', holds: 'when it is looked after next', kept: WORKSPACE, inner: true },
  { table: 'project', of: 'workspace', holds: 'its projects', kept: WORKSPACE, about: 't.created_by_id = who.id' },
  { table: 'project_head', of: 'workspace', holds: 'the current tree of each project', kept: WORKSPACE },
  {
    table: 'commit',
    of: 'workspace',
    holds: 'every change of a project, and who made it',
    kept: WORKSPACE,
    about: 't.author_id = who.id',
  },
  {
    table: 'revision_name',
    of: 'workspace',
    holds: 'names that were given to revisions',
    kept: WORKSPACE,
    about: 't.named_by_id = who.id',
  },
  { table: 'tree_snapshot', of: 'workspace', holds: 'whole trees of earlier revisions', kept: WORKSPACE },
  {
    table: 'conflict',
    of: 'workspace',
    holds: 'both sides of what clashed, the names of who wrote them, and how it was decided',
    kept: WORKSPACE,
    personal: ['who'],
    about: 't.created_by_id = who.id or t.resolved_by_id = who.id',
    erase: {
      update: `who = json_strip_nulls(json_build_object('theirs', nullif(t.who->>'theirs', who.name),
        'ours', nullif(t.who->>'ours', who.name)))`,
      where: `who.name in (t.who->>'theirs', t.who->>'ours')`,
    },
  },
  {
    table: 'search_entry',
    of: 'workspace',
    holds: 'words of its projects, to find them by',
    kept: WORKSPACE,
    inner: true,
  },
  { table: 'search_mark', of: 'workspace', holds: 'how far its projects were read', kept: WORKSPACE, inner: true },
  { table: 'blob', of: 'workspace', holds: 'hashes of large data; the data are files', kept: WORKSPACE },
  {
    table: 'version',
    of: 'workspace',
    holds: 'what was frozen to be published, and by whom',
    kept: WORKSPACE,
    about: 't.created_by_id = who.id',
  },
  { table: 'environment', of: 'workspace', holds: 'variables and bindings of each environment', kept: WORKSPACE },
  {
    table: 'deployment',
    of: 'workspace',
    holds: 'what was published, when, and by whom',
    kept: WORKSPACE,
    about: 't.requested_by_id = who.id',
  },
  { table: 'deployment_claim', of: 'workspace', holds: 'deployments on their way', kept: WORKSPACE, inner: true },
  { table: 'deployment_log', of: 'workspace', holds: 'what a deployment said', kept: WORKSPACE },
  { table: 'schedule', of: 'workspace', holds: 'when workflows begin', kept: WORKSPACE },
  { table: 'schedule_fire', of: 'workspace', holds: 'what became of each planned time', kept: WORKSPACE },
  { table: 'schedule_claim', of: 'workspace', holds: 'which planned time is next', kept: WORKSPACE, inner: true },
  {
    table: 'hook_address',
    of: 'workspace',
    holds: 'addresses of webhooks, routes and forms',
    kept: WORKSPACE,
    secret: ['key_hash'],
  },
  { table: 'hook_delivery', of: 'workspace', holds: 'deliveries that were answered, and with what', kept: WORKSPACE },
  { table: 'event_publication', of: 'workspace', holds: 'events that were published', kept: WORKSPACE },
  {
    table: 'run',
    of: 'workspace',
    holds: 'runs, with what they were given and gave',
    kept: WORKSPACE,
    about: 't.triggered_by = who.id::text',
  },
  { table: 'run_event', of: 'workspace', holds: 'journals of runs', kept: WORKSPACE },
  { table: 'run_log', of: 'workspace', holds: 'log lines of runs, without secrets', kept: WORKSPACE },
  { table: 'run_claim', of: 'workspace', holds: 'who executes which run', kept: WORKSPACE, inner: true },
  {
    table: 'run_gate',
    of: 'workspace',
    holds: 'when runs passed a limit of their workflow',
    kept: WORKSPACE,
    inner: true,
  },
  {
    table: 'connection',
    of: 'workspace',
    holds: 'names and hosts of connections, and their sealed secrets',
    kept: WORKSPACE,
    secret: ['ciphertext'],
    about: 't.created_by_id = who.id',
  },
  { table: 'tenant_container', of: 'workspace', holds: 'the state of its container', kept: WORKSPACE },
  {
    table: 'container_boot',
    of: 'workspace',
    holds: 'starts of its container',
    kept: WORKSPACE,
    secret: ['boot_secret_hash'],
  },
  {
    table: 'agent_token',
    of: 'workspace',
    holds: 'tokens of its container',
    kept: WORKSPACE,
    secret: ['token_hash'],
    inner: true,
  },
  { table: 'container_claim', of: 'workspace', holds: 'who looks after its container', kept: WORKSPACE, inner: true },
  { table: 'usage_row', of: 'workspace', holds: 'what was counted', kept: WORKSPACE },
  { table: 'usage_counter', of: 'workspace', holds: 'how much was used in each period', kept: WORKSPACE },
  {
    table: 'subscription',
    of: 'workspace',
    holds: 'its plan and its numbers at the payment provider',
    kept: WORKSPACE,
    personal: ['stripe_customer_id'],
  },
  { table: 'invoice', of: 'workspace', holds: 'its invoices; the payment provider keeps them by law', kept: WORKSPACE },
];

export function mapRow(table: string): MapRow {
  const row = DATA_MAP.find((one) => one.table === table);
  if (!row) throw new Error(`The data map has no table ${table}.`);
  return row;
}
