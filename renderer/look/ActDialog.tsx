import { type ReactNode, useState } from 'react';
import { SluiceError } from '#shared/error.ts';
import { Button } from './Button.tsx';
import { Dialog } from './Dialog.tsx';
import { Input } from './Input.tsx';
import { Note } from './Note.tsx';

type ActDialogProps = {
  title: string;
  size?: 'confirm' | 'form';
  /** Left in the footer. */
  consequence?: ReactNode;
  /** What the button says, and what it says while it is at work. */
  act: string;
  busy: string;
  /** Something is gone afterwards. */
  destroys?: boolean;
  /** Why it cannot be done yet. */
  blocked?: string | false;
  /** What has to be typed first, where what is gone may be in use. */
  retype?: { label: string; text: string };
  /** What it throws is shown here and the dialog stays, with what was typed. Otherwise it closes. */
  onAct: () => Promise<unknown>;
  onClose: () => void;
  children: ReactNode;
};

/** Asks for what one act needs, does it, and says why where it could not be done. Enter in a field does it as well. */
export function ActDialog(props: ActDialogProps) {
  const { title, size, consequence, act, busy, destroys, retype, onAct, onClose, children } = props;
  const [typed, setTyped] = useState('');
  const [isBusy, setBusy] = useState(false);
  const [error, setError] = useState<SluiceError>();
  const untyped = retype && typed !== retype.text && `Type ${retype.text} first.`;
  const blocked = props.blocked || untyped;

  async function go() {
    if (blocked || isBusy) return;
    setBusy(true);
    setError(undefined);
    try {
      await onAct();
      onClose();
    } catch (thrown) {
      setError(SluiceError.from(thrown));
      setBusy(false);
    }
  }

  return (
    <Dialog
      open
      onClose={onClose}
      onSubmit={() => void go()}
      title={title}
      size={size}
      consequence={consequence}
      actions={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button
            type="submit"
            look={destroys ? 'destroy' : 'primary'}
            data-destroys={destroys || undefined}
            busy={isBusy && busy}
            blocked={blocked}
          >
            {act}
          </Button>
        </>
      }
    >
      {children}
      {retype && (
        <>
          <p>
            Type <strong className="font-heading">{retype.text}</strong> to go on.
          </p>
          <Input
            aria-label={retype.label}
            autoComplete="off"
            spellCheck={false}
            value={typed}
            onChange={(event) => setTyped(event.target.value)}
          />
        </>
      )}
      {error && (
        <Note kind="bad" title={error.message}>
          {error.advice}
        </Note>
      )}
    </Dialog>
  );
}
