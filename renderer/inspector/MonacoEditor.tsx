import { Suspense } from 'react';
import { part } from '../look/part.ts';
import type { EditorMarker } from './monacoBox.tsx';

const MonacoBox = part(() => import('./monacoBox.tsx').then((file) => file.MonacoBox));

export type MonacoEditorProps = {
  /** Names the model: another path is another document. */
  path: string;
  language: 'yaml' | 'javascript' | 'typescript' | 'json';
  value: string;
  onChange?: (value: string) => void;
  readOnly?: boolean;
  markers?: EditorMarker[];
  label: string;
  className?: string;
  lineNumbers?: boolean;
};

/** A code editor that is fetched when the first one opens. */
export function MonacoEditor(props: MonacoEditorProps) {
  return (
    <Suspense
      fallback={
        <div className={props.className}>
          <pre className="overflow-hidden p-3 font-mono text-[12px]/[19px] text-ink-3">{props.value}</pre>
        </div>
      }
    >
      <MonacoBox {...props} />
    </Suspense>
  );
}
