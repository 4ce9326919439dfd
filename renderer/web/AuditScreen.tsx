import { RefreshCw } from 'lucide-react';
import { useState } from 'react';
import type { AuditEntry } from '#shared/contract/cloud/audit.ts';
import { cloudClient } from '../host/webLink.ts';
import { AskFailed, Skeleton } from '../look/Asked.tsx';
import { StateBadge } from '../look/Badge.tsx';
import { Button } from '../look/Button.tsx';
import { formatMoment } from '../look/format.ts';
import { Select } from '../look/Select.tsx';
import { Table } from '../look/Table.tsx';
import { now } from '../state/store.ts';
import { auditWords } from './auditWords.ts';
import { Empty, Page, Panel } from './Page.tsx';
import { useAsk } from './useAsk.ts';
import { useWorkspace } from './workspace.ts';

const PAGE = 50;
const OUTCOMES = {
  all: { label: 'Every outcome' },
  ok: { label: 'Done', state: 'succeeded' },
  denied: { label: 'Refused', state: 'waiting' },
  failed: { label: 'Failed', state: 'failed' },
} as const;
type Outcome = keyof typeof OUTCOMES;

/** Who did what in the workspace, newest first. */
export function AuditScreen() {
  const { id: workspaceId } = useWorkspace();
  const [outcome, setOutcome] = useState<Outcome>('all');
  const wish = { limit: PAGE, ...(outcome === 'all' ? {} : { outcome }) };
  const asked = useAsk(`audit ${outcome}`, (cloud) => cloud.audit.list(wish));
  const { data, error } = asked;

  async function older() {
    if (!data?.nextCursor) return;
    try {
      const more = await (await cloudClient(workspaceId)).audit.list({ ...wish, cursor: data.nextCursor });
      asked.put({ ...more, data: [...data.data, ...more.data] });
    } catch (thrown) {
      now().fail(thrown, 'Older entries could not be read');
    }
  }

  return (
    <Page
      title="Audit"
      actions={
        <Select
          look="button"
          aria-label="Outcome"
          value={outcome}
          options={Object.entries(OUTCOMES).map(([value, { label }]) => ({ value, label }))}
          onChange={(next) => setOutcome(next as Outcome)}
        />
      }
    >
      {error && <AskFailed error={error} onAgain={() => void asked.again()} />}
      {!data && !error && <Skeleton />}
      {data?.data.length === 0 && <Empty title="Nothing of that kind happened" />}
      {data && data.data.length > 0 && (
        <Panel>
          <Table
            label="What happened"
            rows={data.data}
            keyOf={(entry) => entry.id}
            columns={[
              {
                head: 'What happened',
                cell: ({ action }) => <Action action={action} />,
              },
              { head: 'By', cell: (entry) => entry.actorName ?? 'Sluice', wide: true },
              {
                head: 'About',
                wide: 'lg',
                cell: (entry) => <span className="text-ink-2">{aboutOf(entry)}</span>,
              },
              {
                head: 'Outcome',
                whole: true,
                cell: ({ outcome: became }) => (
                  <StateBadge state={OUTCOMES[became].state} word={OUTCOMES[became].label} />
                ),
              },
              {
                head: 'When',
                right: true,
                wide: true,
                cell: (entry) => <time dateTime={entry.at}>{formatMoment(entry.at)}</time>,
              },
            ]}
            below={(entry) => `${entry.actorName ?? 'Sluice'}, ${formatMoment(entry.at)}`}
          />
          {data.nextCursor && (
            <Button look="ghost" className="m-3" icon={<RefreshCw className="icon-s" />} onClick={() => void older()}>
              Older entries
            </Button>
          )}
        </Panel>
      )}
    </Page>
  );
}

/** In words, with the name that a search in the log and its export have for it. */
function Action({ action }: { action: string }) {
  const words = auditWords(action);
  return (
    <>
      {words && <span className="mr-1">{words}</span>}{' '}
      <code className="font-mono text-[11.5px] font-normal text-ink-3">{action}</code>
    </>
  );
}

/** Whom an entry is about, and its few facts, in one line. */
function aboutOf({ about, metadata, resource }: AuditEntry): string {
  const whom = about?.name ?? about?.email;
  return [whom, detailsOf(metadata)].filter(Boolean).join(', ') || resource;
}

function detailsOf(metadata: Record<string, unknown>): string {
  return Object.entries(metadata)
    .filter(([, value]) => ['string', 'number', 'boolean'].includes(typeof value) && String(value).length < 60)
    .map(([name, value]) => `${name} ${value}`)
    .join(', ')
    .slice(0, 200);
}
