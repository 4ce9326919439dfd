import { Rocket } from 'lucide-react';
import { Button } from '../look/Button.tsx';
import { now, useEditor } from '../state/store.ts';

/** Opens the publish dialog; publishing itself is the host's call from there. */
export function PublishButton() {
  const mayLook = useEditor((state) => state.doc?.info.readOnly === true);
  const trusted = useEditor((state) => state.doc?.info.trusted ?? false);
  return (
    <Button
      look="primary"
      icon={<Rocket className="icon-s" />}
      blocked={mayLook ? 'You may only look at this project.' : !trusted && 'The folder is not trusted yet.'}
      onClick={() => now().setDialog('publish')}
    >
      Publish
    </Button>
  );
}
