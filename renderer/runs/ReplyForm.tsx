import { useState } from 'react';
import type { JsonObject } from '#shared/json.ts';
import { Button } from '../look/Button.tsx';
import { Field, TextArea } from '../look/Input.tsx';
import { Address } from '../publish/Addresses.tsx';
import type { Answer } from './WaitCard.tsx';
import { readJson, waitDetails } from './waitAnswer.ts';

type ReplyFormProps = { details: JsonObject | undefined; url: string | undefined; answer: Answer };

/** The address that ends the wait, and a way to give the reply by hand. */
export function ReplyForm({ details, url, answer }: ReplyFormProps) {
  const { message } = waitDetails(details);
  const [open, setOpen] = useState(url === undefined);
  const [text, setText] = useState('');
  const [fault, setFault] = useState<string>();
  const [busy, setBusy] = useState(false);

  async function send() {
    const read = readJson(text);
    if ('fault' in read) return setFault(read.fault);
    setBusy(true);
    if (!(await answer(read.value ?? null, 'The reply is given. The run goes on.'))) setBusy(false);
  }

  return (
    <>
      <div className="flex min-w-0 flex-col gap-3">
        {message && <p className="text-body break-words whitespace-pre-wrap text-ink">{message}</p>}
        {url ? (
          <div className="flex flex-col gap-1.5">
            <p className="text-small text-ink-3">A POST to this address is the reply. Whoever knows it can send one.</p>
            <Address url={url} />
          </div>
        ) : (
          <p className="text-small text-ink-3">
            From here nobody outside can reach the run: it runs on this computer. Give the reply by hand to go on.
          </p>
        )}
      </div>
      <div className="flex min-w-0 flex-col gap-3">
        {open ? (
          <>
            <Field label="Reply" help="JSON. It becomes the body of the item that goes on." error={fault}>
              {(ids) => (
                <TextArea
                  {...ids}
                  rows={3}
                  spellCheck={false}
                  className="font-mono text-[12px]!"
                  placeholder='{ "paid": true }'
                  value={text}
                  onChange={(event) => {
                    setText(event.target.value);
                    if (fault) setFault(faultOf(event.target.value));
                  }}
                  onBlur={() => setFault(faultOf(text))}
                />
              )}
            </Field>
            <Button
              look={url ? 'plain' : 'primary'}
              className="self-start"
              busy={busy && 'Giving the reply'}
              onClick={() => void send()}
            >
              Give this reply
            </Button>
          </>
        ) : (
          <Button className="self-start" onClick={() => setOpen(true)}>
            Give the reply by hand
          </Button>
        )}
      </div>
    </>
  );
}

function faultOf(text: string): string | undefined {
  const read = readJson(text);
  return 'fault' in read ? read.fault : undefined;
}
