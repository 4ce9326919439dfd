import { useState } from 'react';
import type { ConnectionTrial } from '#shared/contract/cloud/connections.ts';
import { SluiceError } from '#shared/error.ts';
import { Button } from '../look/Button.tsx';
import { Field, Input } from '../look/Input.tsx';
import { Note } from '../look/Note.tsx';
import type { ConnectionDraft } from './ConnectionDialog.tsx';

type TryConnectionProps = {
  /** What is tried. What was said of it is shown for as long as it is the same. */
  entered: Entered;
  onTry: (entered: Entered, url?: string) => Promise<ConnectionTrial>;
};

type Entered = Omit<ConnectionDraft, 'name'>;
type Said = { ok: boolean; message: string; advice?: string };

/** Signs in at the service with what was filled in, before it is kept. Nothing is changed there. */
export function TryConnection({ entered, onTry }: TryConnectionProps) {
  const [url, setUrl] = useState('');
  const [busy, setBusy] = useState(false);
  const [heard, setHeard] = useState<{ of: Entered; url: string; said: Said }>();
  // An HTTP service is asked for an address; other services need none.
  const asks = entered.connector === 'http';
  const said = heard?.of === entered && heard.url === url ? heard.said : undefined;

  async function go() {
    setBusy(true);
    setHeard(undefined);
    const said = await onTry(entered, asks ? url.trim() : undefined).catch(
      (thrown: unknown): Said => ({ ok: false, ...pick(SluiceError.from(thrown)) }),
    );
    setHeard({ of: entered, url, said });
    setBusy(false);
  }

  return (
    <div className="flex flex-col gap-2">
      {asks && (
        <Field label="Address to try" help="Asked by GET, with the secret. Nothing is kept by that.">
          {(ids) => (
            <Input
              {...ids}
              value={url}
              inputMode="url"
              autoComplete="off"
              placeholder="https://api.tracker.example/me"
              onChange={(event) => setUrl(event.target.value)}
            />
          )}
        </Field>
      )}
      <Button
        className="self-start"
        busy={busy && 'Trying'}
        blocked={asks && !URL.canParse(url.trim()) && 'Write the address to try first.'}
        onClick={() => void go()}
      >
        Try it
      </Button>
      {said && (
        <Note kind={said.ok ? 'info' : 'bad'} title={said.ok ? 'It works.' : 'It does not work.'}>
          {said.message} {said.advice}
        </Note>
      )}
    </div>
  );
}

const pick = ({ message, advice }: SluiceError) => ({ message, ...(advice === undefined ? {} : { advice }) });
