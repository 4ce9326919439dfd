import { Check, X } from 'lucide-react';
import { type KeyboardEvent, useState } from 'react';
import type { JsonObject } from '#shared/json.ts';
import { Button } from '../look/Button.tsx';
import { Field, Input, TextArea } from '../look/Input.tsx';
import { Kbd } from '../look/Kbd.tsx';
import { Switch } from '../look/Switch.tsx';
import { useEditor } from '../state/store.ts';
import type { Answer } from './WaitCard.tsx';
import { type ApprovalField, approvalAnswer, fieldFaults, isAsked, type Typed, waitDetails } from './waitAnswer.ts';

type ApprovalFormProps = { details: JsonObject | undefined; hosted: boolean; answer: Answer };

/** What is asked, who is asked, the fields to fill in, and the two answers. `Ctrl Enter` approves. */
export function ApprovalForm({ details, hosted, answer }: ApprovalFormProps) {
  const { message, assignees = [], fields = [] } = waitDetails(details);
  const [comment, setComment] = useState('');
  const [typed, setTyped] = useState<Typed>({});
  const [tried, setTried] = useState(false);
  const [busy, setBusy] = useState<'approve' | 'reject'>();
  const member = useMember(hosted);
  const blocked = member && !isAsked(assignees, member) && 'Others are asked, and you are none of them.';
  const faults = tried ? fieldFaults(fields, typed) : {};

  async function decide(approved: boolean) {
    if (busy || blocked) return;
    // Who rejects need not fill in what only an approval uses.
    if (approved && Object.keys(fieldFaults(fields, typed)).length > 0) return setTried(true);
    const usable = approved ? fields : fields.filter(({ name }) => !(name in fieldFaults(fields, typed)));
    setBusy(approved ? 'approve' : 'reject');
    const said = approved ? 'Approved. The run goes on.' : 'Rejected. The run goes on.';
    if (!(await answer(approvalAnswer(approved, comment, usable, typed), said))) setBusy(undefined);
  }

  function onKeyDown(event: KeyboardEvent) {
    if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    event.stopPropagation();
    void decide(true);
  }

  return (
    <>
      <div className="flex min-w-0 flex-col gap-3">
        {message && <p className="text-body break-words whitespace-pre-wrap text-ink">{message}</p>}
        <p className="text-small text-ink-3">
          {assignees.length > 0 && (
            <>
              Asked: <span className="text-ink-2">{assignees.join(', ')}</span>.{' '}
            </>
          )}
          {whoDecides(hosted, assignees.length > 0)}
        </p>
      </div>
      {/* biome-ignore lint/a11y/noStaticElementInteractions: the button below does the same. */}
      <div className="flex min-w-0 flex-col gap-3" onKeyDown={onKeyDown}>
        {fields.map((field) => (
          <OneField
            key={field.name}
            field={field}
            value={typed[field.name]}
            fault={faults[field.name]}
            onChange={(value) => setTyped({ ...typed, [field.name]: value })}
          />
        ))}
        <Field label="Comment" optional>
          {(ids) => (
            <TextArea
              {...ids}
              rows={2}
              maxLength={10_000}
              value={comment}
              onChange={(event) => setComment(event.target.value)}
            />
          )}
        </Field>
        <div className="sticky -bottom-3 -my-2 flex items-center gap-2 bg-panel py-2">
          <Button
            look="primary"
            icon={<Check className="icon-s" />}
            blocked={blocked}
            busy={busy === 'approve' && 'Approving'}
            onClick={() => void decide(true)}
          >
            Approve
          </Button>
          <Button
            look="danger"
            icon={<X className="icon-s" />}
            blocked={blocked}
            busy={busy === 'reject' && 'Rejecting'}
            onClick={() => void decide(false)}
          >
            Reject
          </Button>
          <span className="ml-auto hidden items-center @sm:flex @lg:hidden @3xl:flex gap-1.5 text-small text-ink-3">
            <Kbd keys="Ctrl Enter" /> approve
          </span>
        </div>
      </div>
    </>
  );
}

/** The person as the bound workspace knows them; nobody where the run is local, as there everybody decides. */
function useMember(hosted: boolean) {
  const account = useEditor((state) => state.account);
  const workspaceId = useEditor((state) => state.doc?.info.sync.workspaceId);
  if (!hosted || !account?.user) return undefined;
  const { email, emailVerified } = account.user;
  return { email, emailVerified, role: account.workspaces.find(({ id }) => id === workspaceId)?.role };
}

function whoDecides(hosted: boolean, someAreAsked: boolean): string {
  if (!hosted) return 'On this computer you answer yourself.';
  return someAreAsked ? 'Nobody else may decide.' : 'Every member who may decide approvals can answer.';
}

type OneFieldProps = {
  field: ApprovalField;
  value: string | boolean | undefined;
  fault: string | undefined;
  onChange: (value: string | boolean) => void;
};

function OneField({ field, value, fault, onChange }: OneFieldProps) {
  const { name, title, type, required } = field;
  return (
    <Field label={title ?? name} optional={!required && type !== 'boolean'} error={fault}>
      {(ids) =>
        type === 'boolean' ? (
          <Switch {...ids} checked={value === true} onChange={onChange} />
        ) : (
          <Input
            {...ids}
            inputMode={type === 'number' ? 'decimal' : undefined}
            value={typeof value === 'string' ? value : ''}
            onChange={(event) => onChange(event.target.value)}
          />
        )
      }
    </Field>
  );
}
