import { useEffect, useRef, useState } from 'react';
import { now, useEditor } from '../state/store.ts';
import { MonacoEditor } from './MonacoEditor.tsx';

const TYPING_MS = 300;

/** A script of the project, edited as it is on disk. */
export function ScriptPane({ path }: { path: string }) {
  const kept = useEditor((state) => state.doc?.tree.scripts[path]);
  const [text, setText] = useState(kept ?? '');
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const typed = useRef<string>(undefined);

  useEffect(() => {
    if (kept !== undefined && typed.current === undefined) setText(kept);
  }, [kept]);

  const keep = useRef(() => {});
  keep.current = () => {
    if (typed.current === undefined) return;
    const next = typed.current;
    typed.current = undefined;
    now().edit([{ type: 'setScript', path, text: next }], `script ${path}`);
  };
  useEffect(
    () => () => {
      clearTimeout(timer.current);
      keep.current();
    },
    [],
  );

  if (kept === undefined) return <p className="p-6 text-ink-3">The script {path} is not in the project any more.</p>;
  return (
    <MonacoEditor
      path={`scripts/${path}`}
      language={path.endsWith('.js') ? 'javascript' : 'typescript'}
      value={text}
      label={`Script ${path}`}
      className="min-h-0 flex-1 bg-panel"
      onChange={(next) => {
        typed.current = next;
        setText(next);
        clearTimeout(timer.current);
        timer.current = setTimeout(() => keep.current(), TYPING_MS);
      }}
    />
  );
}
