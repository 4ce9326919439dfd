import { useState } from 'react';
import type { ConnectionRecord } from '#shared/contract/cloud/common.ts';
import { cloudClient } from '../host/webLink.ts';
import { ActDialog } from '../look/ActDialog.tsx';
import { Button } from '../look/Button.tsx';
import { Note } from '../look/Note.tsx';
import { Checkbox } from '../look/Switch.tsx';
import { useWorkspace } from './workspace.ts';

type RestingConnectionsProps = {
  records: ConnectionRecord[];
  mayChoose: boolean;
  onChosen: (records: ConnectionRecord[]) => void;
};

/** Says that the plan has not room for all connections, and lets somebody choose those that work. Nothing where none rests. */
export function RestingConnections({ records, mayChoose, onChosen }: RestingConnectionsProps) {
  const [open, setOpen] = useState(false);
  // As long as any rests, as many work as there is room for.
  const room = records.filter(({ rests }) => !rests).length;
  if (room === records.length) return null;
  return (
    <>
      <Note
        kind="wait"
        title={`The plan has room for ${room} of these ${records.length} connections.`}
        actions={
          <Button size="sm" blocked={!mayChoose && 'As viewer you may look.'} onClick={() => setOpen(true)}>
            Choose which ones work
          </Button>
        }
      >
        The others rest: their secrets are kept, and no step signs in with them. They work again when there is room,
        with a larger plan or one connection less.
      </Note>
      {open && <Choose records={records} room={room} onChosen={onChosen} onClose={() => setOpen(false)} />}
    </>
  );
}

type ChooseProps = Pick<RestingConnectionsProps, 'records' | 'onChosen'> & { room: number; onClose: () => void };

function Choose({ records, room, onChosen, onClose }: ChooseProps) {
  const { id: workspaceId } = useWorkspace();
  const [picked, setPicked] = useState(() => new Set(records.flatMap(({ name, rests }) => (rests ? [] : [name]))));
  return (
    <ActDialog
      title="Choose which connections work"
      consequence="Runs that begin from now on use them."
      act="Let these work"
      busy="Saving"
      blocked={picked.size !== room && `Pick ${room}: there are ${picked.size}.`}
      onAct={async () => onChosen(await (await cloudClient(workspaceId)).connections.choose({ names: [...picked] }))}
      onClose={onClose}
    >
      <fieldset>
        <legend className="mb-1.5 text-small font-control text-ink-2">These {room} work, the others rest</legend>
        {records.map(({ id, name, connector }) => (
          <label key={id} htmlFor={`works-${name}`} className="flex min-h-7 items-center gap-2">
            <Checkbox
              id={`works-${name}`}
              checked={picked.has(name)}
              onChange={() =>
                setPicked((before) => {
                  const next = new Set(before);
                  if (!next.delete(name)) next.add(name);
                  return next;
                })
              }
            />
            {name} <span className="text-small text-ink-3">{connector}</span>
          </label>
        ))}
      </fieldset>
    </ActDialog>
  );
}
