import type { Deployment } from '#shared/contract/cloud/common.ts';
import type { AccountState } from '#shared/contract/host/account.ts';
import type { SyncState } from '#shared/contract/host/common.ts';
import type { Change, PublishPreview } from '#shared/contract/host/publish.ts';
import { SluiceError } from '#shared/error.ts';
import type { AccountService } from '../account/accountService.ts';
import type { CloudClient } from '../account/cloudClient.ts';
import { openBrowser, shouldOpen } from '../browser/openBrowser.ts';
import { followDeployment } from '../publish/followDeployment.ts';
import { boundCloud, requireAccount, withCloudProject } from './cloudProject.ts';
import { type CliContext, EXIT, printJson, type Register, usageError } from './context.ts';

type Json = { json?: boolean };

/** `login`, `logout`, `whoami`: this computer and the control plane. */
export const registerAccount: Register = (program, context, action) => {
  program
    .command('login')
    .description('sign this computer in, by the browser')
    .option('--no-open', 'only print the address')
    .option('--device', 'by a code that you enter in a browser elsewhere, where this computer has none')
    .option('--json', 'print one JSON document')
    .addHelpText('after', '\nExample:\n  $ sluice login\n  $ sluice login --device')
    .action(
      action(async (options: Json & { open: boolean; device?: boolean }) => {
        const { account } = (await context.services()).cloud.parts;
        if (context.env.SLUICE_API_KEY) await account.signIn();
        if (account.state().vault === 'memory') {
          throw new SluiceError(
            'vault.locked',
            'This computer has no keychain, so the sign-in would be forgotten at once.',
            {
              advice:
                'Set SLUICE_VAULT_PASSPHRASE to keep it in a sealed file, or SLUICE_VAULT=file to keep the key beside it; then sign in.',
            },
          );
        }
        context.stop.addEventListener('abort', account.cancelSignIn);
        const say = options.json ? context.note : context.out;
        const signedIn = options.device ? byCode(account, say) : byBrowser(context, account, say, options);
        const { user, workspaces } = await signedIn;
        if (options.json) printJson(context, { user, workspaces });
        else context.out(`Signed in as ${user?.email}.`);
      }),
    );

  program
    .command('logout')
    .description('end this computer’s sign-in; projects stay as they are')
    .option('--json', 'print one JSON document')
    .addHelpText('after', '\nExample:\n  $ sluice logout')
    .action(
      action(async (options: Json) => {
        await (await context.services()).cloud.parts.account.signOut();
        if (options.json) printJson(context, { done: true });
        else context.out('Signed out. Projects on this computer stay.');
      }),
    );

  program
    .command('whoami')
    .description('show who is signed in, and their workspaces')
    .option('--json', 'print one JSON document')
    .addHelpText('after', '\nExample:\n  $ sluice whoami')
    .action(
      action(async (options: Json) => {
        const { account } = await requireAccount(context);
        const { user, workspaces, cloudUrl } = account;
        if (options.json) {
          printJson(context, { user, workspaces, cloudUrl });
          return;
        }
        context.out(`${user?.name} <${user?.email}>${user?.emailVerified ? '' : '  (address not confirmed)'}`);
        for (const { slug, name, role, plan } of workspaces) context.out(`  ${slug}  ${name}  ${role}  ${plan}`);
        if (context.env.SLUICE_API_KEY) context.out('By the key in SLUICE_API_KEY, for which this person answers.');
      }),
    );
};

type Say = (line: string) => void;

async function byBrowser(
  context: CliContext,
  account: AccountService,
  say: Say,
  options: { open: boolean },
): Promise<AccountState> {
  const { url, finished } = await account.signIn();
  say(`Open this address to sign in:\n${url}`);
  const surroundings = { env: context.env, platform: process.platform, isTerminal: process.stdout.isTTY };
  if (options.open && shouldOpen(surroundings, [])) await openBrowser(url);
  return finished;
}

async function byCode(account: AccountService, say: Say): Promise<AccountState> {
  const { url, userCode, finished } = await account.signInByCode();
  say(`Open ${url} in a browser, on any computer or phone, and enter this code:\n\n  ${userCode}\n`);
  say('Give it to nobody: whoever enters it lets this computer into their account.');
  return finished;
}

/** `sync`, `publish`, `rollback`, `deployments`: a project and what runs of it in the cloud. */
export const registerPublish: Register = (program, context, action) => {
  program
    .command('sync')
    .description('make the project here and in the cloud the same')
    .argument('<dir>', 'the project’s folder')
    .option('--workspace <name>', 'the workspace of a project that is in none yet')
    .option('--json', 'print one JSON document')
    .addHelpText('after', '\nExample:\n  $ sluice sync my-project')
    .action(
      action(async (dir: string, options: Json & { workspace?: string }) => {
        const state = await withCloudProject(context, dir, options.workspace, async (project, { cloud }) => {
          const sync = await cloud.parts.sync.of(project.id);
          sync.forgive();
          return sync.sync(true);
        });
        if (options.json) printJson(context, state);
        else showSync(context, state);
        return state.state === 'synced' ? EXIT.ok : EXIT.failed;
      }),
    );

  program
    .command('publish')
    .description('freeze a version and run it in the cloud')
    .argument('<dir>', 'the project’s folder')
    .option('-e, --env <name>', 'the environment', 'production')
    .option('--note <text>', 'what it is for', '')
    .option('--dry-run', 'only show what would change, and what keeps it from being published')
    .option('--workspace <name>', 'the workspace of a project that is in none yet')
    .option('--json', 'print one JSON document')
    .addHelpText(
      'after',
      '\nExample:\n  $ sluice publish my-project --dry-run\n  $ sluice publish my-project --note "Retries twice"',
    )
    .action(
      action(async (dir: string, options: Json & { env: string; note: string; dryRun?: boolean; workspace?: string }) =>
        withCloudProject(context, dir, options.workspace, async (project, { cloud }) => {
          const place = { projectId: project.id, environment: options.env };
          const preview = await cloud.publish.preview(place);
          const blocked = preview.checks.some((check) => check.status === 'error');
          if (options.dryRun || blocked) {
            if (options.json) printJson(context, preview);
            else showPreview(context, preview);
            return blocked ? EXIT.failed : EXIT.ok;
          }
          if (preview.nextVersion === undefined) {
            if (options.json) printJson(context, { deployment: null, version: preview.currentVersion });
            else context.out(`Nothing that runs has changed; version ${preview.currentVersion} stays.`);
            return EXIT.ok;
          }
          const started = await cloud.publish.start({ ...place, note: options.note });
          if (!options.json) context.note(`Version ${started.versionNumber} is on its way to ${options.env}.`);
          return showOutcome(context, await cloud.parts.publish.settled(started as Deployment), options);
        }),
      ),
    );

  program
    .command('rollback')
    .description('run an earlier version again')
    .argument('<dir>', 'the project’s folder')
    .option('-e, --env <name>', 'the environment', 'production')
    .option('--to <number>', 'the version; by default the one before')
    .option('--json', 'print one JSON document')
    .addHelpText('after', '\nExample:\n  $ sluice rollback my-project --to 3')
    .action(
      action(async (dir: string, options: Json & { env: string; to?: string }) => {
        const { projectId, cloud } = await boundCloud(context, dir);
        const environment = (await cloud.environments.list({ projectId })).find(({ name }) => name === options.env);
        if (!environment) throw notDeployed(options.env);
        const versionId =
          options.to === undefined
            ? await versionBefore(cloud, projectId, options.env)
            : await versionNumbered(cloud, projectId, options.to);
        const asked = await cloud.deployments.create({ projectId, environmentId: environment.id, versionId });
        if (!options.json) context.note(`Version ${asked.versionNumber} is on its way to ${options.env}.`);
        const deps = { cloud, feedIsUp: () => false, onSeen: () => undefined, signal: context.stop };
        return showOutcome(context, await followDeployment(asked, deps), options);
      }),
    );

  program
    .command('deployments')
    .description('list what was put where, newest first')
    .argument('<dir>', 'the project’s folder')
    .option('-n, --limit <n>', 'how many', '20')
    .option('--json', 'print one JSON document')
    .addHelpText('after', '\nExample:\n  $ sluice deployments my-project')
    .action(
      action(async (dir: string, options: Json & { limit: string }) => {
        const { projectId, cloud } = await boundCloud(context, dir);
        const page = await cloud.deployments.list({ projectId, limit: readLimit(options.limit) });
        if (options.json) {
          printJson(context, page);
          return;
        }
        for (const one of page.data) context.out(deploymentLine(one));
        if (page.data.length === 0) context.note('Nothing of this project was published yet.');
      }),
    );
};

function readLimit(text: string): number {
  const limit = Number(text);
  if (Number.isInteger(limit) && limit >= 1 && limit <= 100) return limit;
  throw usageError(`"${text}" is not a number of entries.`, 'Give a number from 1 to 100.');
}

async function versionNumbered(cloud: CloudClient, projectId: string, wanted: string): Promise<string> {
  const number = Number(wanted.replace(/^v/, ''));
  let cursor: string | undefined;
  do {
    const page = await cloud.versions.list({ projectId, limit: 100, cursor });
    const found = page.data.find((version) => version.number === number);
    if (found) return found.id;
    cursor = page.nextCursor;
  } while (cursor !== undefined);
  throw new SluiceError('version.not_found', `The project has no version ${wanted}.`, {
    advice: 'See "sluice deployments".',
  });
}

/** What ran before what runs now. */
async function versionBefore(cloud: CloudClient, projectId: string, environment: string): Promise<string> {
  const { data } = await cloud.deployments.list({ projectId, limit: 100 });
  const active = data.find((one) => one.environment === environment && one.status === 'active');
  if (!active) throw notDeployed(environment);
  const before = active.previousId && (await cloud.deployments.get({ projectId, deploymentId: active.previousId }));
  if (before) return before.versionId;
  throw new SluiceError('version.not_found', `Nothing ran in ${environment} before version ${active.versionNumber}.`, {
    advice: 'Name a version with --to.',
  });
}

function notDeployed(environment: string): SluiceError {
  return new SluiceError('environment.not_found', `Nothing of this project runs in ${environment}.`, {
    advice: 'Publish it first.',
  });
}

function showOutcome(context: CliContext, deployment: Deployment, options: Json): number {
  if (options.json) printJson(context, { deployment });
  else if (deployment.status === 'active') {
    context.out(`Version ${deployment.versionNumber} runs in ${deployment.environment}.`);
    for (const hook of deployment.hooks) context.out(`  ${hook.stepId}  ${hook.url}`);
    for (const { stepId, cron, nextRunAt } of deployment.schedules)
      context.out(`  ${stepId}  ${cron}  next ${nextRunAt ?? 'never'}`);
  } else context.note(deployment.error ?? `The deployment is ${deployment.status}; see "sluice deployments".`);
  return deployment.status === 'active' ? EXIT.ok : EXIT.failed;
}

function showSync(context: CliContext, { state, revision, pending, reason, refused }: SyncState): void {
  if (state === 'synced') context.out(`Synced, revision ${revision}.`);
  else
    context.note(
      [
        `The project is ${state.replaceAll('_', ' ')}${pending > 0 ? `, ${pending} waiting` : ''}.`,
        reason,
        refused?.next,
      ]
        .filter(Boolean)
        .join('\n'),
    );
}

function showPreview(context: CliContext, preview: PublishPreview): void {
  const { workspace, environment, currentVersion, nextVersion, changes, checks, usage } = preview;
  const from = currentVersion === undefined ? 'nothing' : `version ${currentVersion}`;
  const to = nextVersion === undefined ? 'no new version' : `version ${nextVersion}`;
  context.out(`${workspace.name} / ${environment}: ${from} → ${to}`);
  for (const change of changes) context.out(`  ${changeLine(change)}`);
  for (const { title, status, detail, advice } of checks) {
    const mark = status === 'ok' ? 'ok     ' : status;
    context.out(`${mark}  ${title}${detail ? `\n         ${detail}` : ''}${advice ? `\n         ${advice}` : ''}`);
  }
  for (const { meter, period, used, included } of usage) {
    context.out(`${meter} this ${period}: ${used}${included === undefined ? '' : ` of ${included}`}`);
  }
}

function changeLine({ kind, subject, title, where, fields, authors }: Change): string {
  const mark = { added: '+', changed: '~', removed: '-' }[kind];
  const named = fields.map(({ path }) => path).filter(Boolean);
  return `${mark} ${subject} ${title} (${where})${named.length > 0 ? `: ${named.join(', ')}` : ''}${authors.length > 0 ? `  ${authors.join(', ')}` : ''}`;
}

function deploymentLine({
  id,
  status,
  environment,
  versionNumber,
  requestedByName,
  createdAt,
  error,
}: Deployment): string {
  return `${id}  ${status.padEnd(12)}  ${environment}  v${versionNumber}  ${createdAt}  ${requestedByName}${error ? `  ${error}` : ''}`;
}
