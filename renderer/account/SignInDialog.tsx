import { ExternalLink, LoaderCircle } from 'lucide-react';
import { Button } from '../look/Button.tsx';
import { Dialog } from '../look/Dialog.tsx';
import { Field, Input } from '../look/Input.tsx';
import { now, useEditor } from '../state/store.ts';
import { openAddress } from './openAddress.ts';

/** Waits for the sign-in that goes on in the browser. */
export function SignInDialog() {
  const url = useEditor((state) => state.signInUrl);
  const status = useEditor((state) => state.account?.status);
  const cloud = useEditor((state) => state.account?.cloudUrl);
  const close = () => {
    if (status === 'signing_in') void now().cancelSignIn();
    now().setDialog(undefined);
  };
  return (
    <Dialog
      open
      onClose={close}
      title="Sign in"
      consequence="Building and running here needs no account."
      actions={
        <>
          <Button onClick={close}>Cancel</Button>
          {url && (
            <Button look="primary" icon={<ExternalLink className="icon-s" />} onClick={() => void openAddress(url)}>
              Open the page again
            </Button>
          )}
        </>
      }
    >
      <SignInWait url={url} cloud={cloud} />
    </Dialog>
  );
}

export function SignInWait({ url, cloud }: { url: string | undefined; cloud: string | undefined }) {
  return (
    <>
      <p className="flex items-center gap-2.5">
        <LoaderCircle className="icon spin text-accent-ink" aria-hidden />
        Go on in your browser. This window follows by itself.
      </p>
      <p className="text-small text-ink-3">Your password goes to {cloud} only, never to this program.</p>
      {url && (
        <Field label="No page opened? Copy its address.">
          {(ids) => (
            <Input
              {...ids}
              readOnly
              value={url}
              onFocus={(event) => event.currentTarget.select()}
              className="font-mono"
            />
          )}
        </Field>
      )}
    </>
  );
}
