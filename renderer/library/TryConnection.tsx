import { useState } from 'react';
import type { ConnectionTrial } from '#shared/contract/cloud/connections.ts';
import { SluiceError } from '#shared/error.ts';
import { Button } from '../look/Button.tsx';
import { Field, Input } from '../look/Input.tsx';
import { Note } from '../look/Note.tsx';

type TryConnectionProps = {
  /** An HTTP service is asked for an address; other services need none. */
  connector: string;
  onTry: (url?: string) => Promise<ConnectionTrial>;
};

/** Signs in at the service with what was filled in, before it is kept. Nothing is changed there. */
export function TryConnection({ connector, onTry }: TryConnectionProps) {
  const [url, setUrl] = useState('');
  const [busy, setBusy] = useState(false);
  const [said, setSaid] = useState<{ ok: boolean; message: string; advice?: string }>();
  const asks = connector === 'http';

  async function go() {
    setBusy(true);
    setSaid(undefined);
    try {
      setSaid(await onTry(asks ? url.trim() : undefined));
    } catch (thrown) {
      setSaid({ ok: false, ...pick(SluiceError.from(thrown)) });
    }
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
