import { useState } from 'react';
import { isJsonObject, type JsonObject } from '#shared/json.ts';
import type { StepError } from '#shared/run/events.ts';
import { Button } from '../look/Button.tsx';
import { Choices } from '../look/Choices.tsx';
import { formatTime } from '../look/format.ts';
import { Field, TextArea } from '../look/Input.tsx';
import { JsonView } from './JsonView.tsx';
import type { Answer } from './WaitCard.tsx';
import { type Choice, decisionOf } from './waitAnswer.ts';

type AttentionFormProps = { error: StepError | undefined; evidence: JsonObject | undefined; answer: Answer };

const CHOICES: readonly { value: Choice; label: string; help: string }[] = [
  {
    value: 'done',
    label: 'It did happen',
    help: 'Nothing is sent again. The step goes on with what you say came of it.',
  },
  { value: 'retry', label: 'It did not happen', help: 'The step sends it again.' },
  { value: 'fail', label: 'Give it up', help: 'The step fails. The run can be retried once it is clear.' },
];
const ACTS: Record<Choice, { label: string; busy: string; said: string }> = {
  done: { label: 'Go on', busy: 'Going on', said: 'Noted as done. The run goes on.' },
  retry: { label: 'Send it again', busy: 'Sending', said: 'It is sent again.' },
  fail: { label: 'Fail the step', busy: 'Ending', said: 'The step was given up.' },
};

/** What was sent and may have arrived, and what the person who looked there can say of it. */
export function AttentionForm({ error, evidence = {}, answer }: AttentionFormProps) {
  const [choice, setChoice] = useState<Choice>();
  const [result, setResult] = useState('');
  const [fault, setFault] = useState<string>();
  const [open, setOpen] = useState(false);
  const [busy, setBusy] = useState(false);
  const { kind, request, sentAt, key } = evidence;
  const isHttp = kind === 'http';
  const act = ACTS[choice ?? 'done'];

  async function decide() {
    if (!choice || busy) return;
    const read = decisionOf(choice, result);
    if ('fault' in read) return setFault(read.fault);
    setBusy(true);
    if (!(await answer(read.decision, act.said))) setBusy(false);
  }

  return (
    <>
      <div className="flex min-w-0 flex-col gap-3">
        <p className="text-small break-words text-ink-2">
          {error?.message} {error?.detail}
        </p>
        <dl className="grid grid-cols-[84px_minmax(0,1fr)] gap-y-1 text-small">
          <Fact name="What">{requestLine(kind, request)}</Fact>
          {typeof sentAt === 'string' && <Fact name="Begun">{formatTime(sentAt)}</Fact>}
          {typeof key === 'string' && (
            <Fact name="Key">
              <span className="block truncate font-mono text-[11.5px]" title={key}>
                {key}
              </span>
            </Fact>
          )}
        </dl>
        {isJsonObject(request) && (
          <div className="flex flex-col gap-1.5">
            <Button size="sm" className="self-start" aria-expanded={open} onClick={() => setOpen(!open)}>
              {open ? 'Hide the request' : 'Show the request'}
            </Button>
            {open && <JsonView value={request} className="max-h-44 rounded-control bg-sunken" />}
          </div>
        )}
      </div>
      <div className="flex min-w-0 flex-col gap-3">
        <Choices label="What happened" value={choice} options={CHOICES} onChange={setChoice} />
        {choice === 'done' && (
          <Field
            label="What came of it"
            optional
            help={
              isHttp
                ? 'JSON: the body of the answer, or status, headers and body. Empty: status 200 without a body.'
                : 'JSON, as the step would have got it. Empty: {}.'
            }
            error={fault}
          >
            {(ids) => (
              <TextArea
                {...ids}
                rows={3}
                spellCheck={false}
                className="font-mono text-[12px]!"
                placeholder={isHttp ? '{ "status": 201, "body": { "id": 7 } }' : '{}'}
                value={result}
                onChange={(event) => {
                  setResult(event.target.value);
                  setFault(undefined);
                }}
              />
            )}
          </Field>
        )}
        <Button
          look={choice === 'fail' ? 'danger' : 'primary'}
          className="self-start"
          blocked={!choice && 'Say first what happened.'}
          busy={busy && act.busy}
          onClick={() => void decide()}
        >
          {choice ? act.label : 'Decide'}
        </Button>
      </div>
    </>
  );
}

function Fact({ name, children }: { name: string; children: React.ReactNode }) {
  return (
    <>
      <dt className="text-ink-3">{name}</dt>
      <dd className="min-w-0 break-words">{children}</dd>
    </>
  );
}

const KINDS: Record<string, string> = {
  http: 'A request',
  sql: 'A statement',
  mail: 'A letter',
  file: 'A file',
  table: 'Rows of a table',
  kv: 'A stored value',
  model: 'A question to a model',
  run: 'A run of another workflow',
  machine: 'A state machine',
};

/** `POST https://…` where the request says so, else what kind of thing it was. */
function requestLine(kind: unknown, request: unknown): string {
  const { method, url } = isJsonObject(request) ? request : {};
  if (typeof url === 'string') return typeof method === 'string' ? `${method} ${url}` : url;
  return KINDS[String(kind)] ?? 'Something outside';
}
