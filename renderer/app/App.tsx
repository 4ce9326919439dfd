import { LoaderCircle } from 'lucide-react';
import { Suspense, useEffect, useState } from 'react';
import { SluiceError } from '#shared/error.ts';
import { isServedByCloud } from '../host/webLink.ts';
import { StartScreen } from '../library/StartScreen.tsx';
import { Button } from '../look/Button.tsx';
import { Mark } from '../look/Mark.tsx';
import { Note } from '../look/Note.tsx';
import { part } from '../look/part.ts';
import { now, useEditor } from '../state/store.ts';
import { ErrorBoundary } from './ErrorBoundary.tsx';
import { LiveRegion, Toasts } from './Messages.tsx';
import { Shell } from './Shell.tsx';
import { useTheme } from './useTheme.ts';

/** What the window shows: the start, a project, or why there is neither yet. */
export function App() {
  useTheme();
  const ready = useEditor((state) => state.ready);
  const hasProject = useEditor((state) => state.doc !== undefined);
  const web = useEditor((state) => state.host?.shell === 'web');
  return (
    <>
      <ErrorBoundary what="The editor">
        {!ready ? <Starting /> : web ? <Web /> : hasProject ? <Shell /> : <StartScreen />}
      </ErrorBoundary>
      <Toasts />
      <LiveRegion />
    </>
  );
}

const WebApp = part(() => import('../web/WebApp.tsx').then((file) => file.WebApp));

function Web() {
  return (
    <Suspense fallback={null}>
      <WebApp />
    </Suspense>
  );
}

const SHOW_AFTER_MS = 150;

function Starting() {
  const thrown = useEditor((state) => state.startError);
  const [late, setLate] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setLate(true), SHOW_AFTER_MS);
    return () => clearTimeout(timer);
  }, []);
  const error = thrown === undefined ? undefined : SluiceError.from(thrown);
  return (
    <main className="flex h-full flex-col items-center justify-center gap-4 p-6">
      <Mark size={36} />
      {error ? (
        <Note
          kind="bad"
          title={error.message}
          className="max-w-105"
          actions={
            <Button size="sm" onClick={() => void now().begin()}>
              Try again
            </Button>
          }
        >
          {error.advice ??
            (isServedByCloud()
              ? 'Load this page again.'
              : 'The address of the editor holds a token that is new at each start. Open the one that was printed last.')}
        </Note>
      ) : (
        late && <LoaderCircle className="icon spin text-ink-3" aria-label="Opening" />
      )}
    </main>
  );
}
