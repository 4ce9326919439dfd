import { RotateCw } from 'lucide-react';
import { Component, type ReactNode } from 'react';
import { SluiceError } from '#shared/error.ts';
import { Button } from '../look/Button.tsx';
import { Note } from '../look/Note.tsx';
import { now } from '../state/store.ts';

type ErrorBoundaryProps = {
  /** What could not be drawn: "The editor", "This screen". */
  what: string;
  /** Another value tries again: somebody went elsewhere. */
  resetKey?: string;
  children: ReactNode;
};

/**
 * Where drawing a part breaks, says so in its place; everything around it goes on. What was changed is kept by the host,
 * so a reload loses nothing.
 */
export class ErrorBoundary extends Component<ErrorBoundaryProps, { thrown?: unknown; key?: string }> {
  override state: { thrown?: unknown; key?: string } = {};

  static getDerivedStateFromError(thrown: unknown) {
    return { thrown };
  }

  static getDerivedStateFromProps({ resetKey }: ErrorBoundaryProps, state: { key?: string }) {
    return state.key === resetKey ? null : { key: resetKey, thrown: undefined };
  }

  override render(): ReactNode {
    const { thrown } = this.state;
    return thrown === undefined ? this.props.children : <Broken what={this.props.what} thrown={thrown} />;
  }
}

const WAIT_MS = 3_000;

/** First what is on its way to the host, but not for ever: it may be the host that is gone. */
async function reload() {
  await Promise.race([
    now()
      .settled()
      .catch(() => undefined),
    new Promise((resolve) => setTimeout(resolve, WAIT_MS)),
  ]);
  location.reload();
}

function Broken({ what, thrown }: { what: string; thrown: unknown }) {
  const { message } = SluiceError.from(thrown);
  const reason = thrown instanceof Error ? thrown.message : message;
  return (
    <div className="flex size-full min-w-0 flex-1 items-center justify-center overflow-auto bg-panel p-6">
      <Note
        kind="bad"
        className="max-w-105"
        title={`${what} could not be shown`}
        actions={
          <Button size="sm" icon={<RotateCw className="icon-s" />} onClick={() => void reload()}>
            Reload
          </Button>
        }
      >
        <p>Nothing is lost: what you change is saved as you make it.</p>
        <details className="mt-1">
          <summary>What happened</summary>
          <code className="font-mono text-micro break-words">{reason}</code>
        </details>
      </Note>
    </div>
  );
}
