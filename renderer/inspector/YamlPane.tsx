import { useEffect, useMemo, useRef, useState } from 'react';
import type { Problem } from '#shared/workflow/problem.ts';
import { Note } from '../look/Note.tsx';
import { isReadOnly } from '../state/historySlice.ts';
import { editor, now, useEditor } from '../state/store.ts';
import { MonacoEditor } from './MonacoEditor.tsx';

const TYPING_MS = 350;
const NONE: Problem[] = [];

/**
 * The workflow's file beside its drawing, kept equal both ways: what the canvas changes is fetched again, what is typed is
 * sent when the typing pauses. A text that cannot be read changes nothing; the drawing stays.
 */
export function YamlPane({ workflowId }: { workflowId: string }) {
  const projectId = useEditor((state) => state.doc?.info.id);
  const revision = useEditor((state) => state.doc?.base.revision);
  const workflow = useEditor((state) => state.doc?.base.tree.workflows[workflowId]);
  const all = useEditor((state) => state.doc?.problems ?? NONE);
  const readOnly = useEditor(isReadOnly);
  const [text, setText] = useState<string>();
  const [file, setFile] = useState('');
  const [broken, setBroken] = useState<Problem[]>(NONE);
  /** Typed and not yet taken by the host. */
  const typed = useRef<string>(undefined);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const sending = useRef(false);
  const gone = useRef(false);

  useEffect(() => {
    gone.current = false;
    return () => {
      gone.current = true;
      clearTimeout(timer.current);
      // What was typed last is sent on the way out.
      if (typed.current !== undefined) void send.current();
    };
  }, []);

  // The canvas, a file or somebody else changed the workflow. While something typed waits, the typed text wins.
  // biome-ignore lint/correctness/useExhaustiveDependencies: the workflow of a new revision is the reason to ask again.
  useEffect(() => {
    if (!projectId || typed.current !== undefined) return;
    let late = false;
    editor()
      .client.documents.text({ projectId, workflowId })
      .then(
        (answer) => {
          if (late || typed.current !== undefined) return;
          setText(answer.text);
          setFile(answer.file);
          setBroken(NONE);
        },
        (thrown: unknown) => !late && now().fail(thrown, 'The YAML could not be read'),
      );
    return () => {
      late = true;
    };
  }, [projectId, workflowId, workflow, revision]);

  const send = useRef(async () => {});
  send.current = async () => {
    if (!projectId || typed.current === undefined || sending.current) return;
    sending.current = true;
    const sent = typed.current;
    try {
      await now().settled();
      const { accepted, problems } = await editor().client.documents.setText({ projectId, workflowId, text: sent });
      if (accepted && typed.current === sent) typed.current = undefined;
      if (!gone.current) setBroken(accepted ? NONE : problems);
    } catch (thrown) {
      now().fail(thrown, 'The text was not saved');
    } finally {
      sending.current = false;
      if (typed.current !== undefined && typed.current !== sent) void send.current();
    }
  };

  function onChange(next: string) {
    typed.current = next;
    setText(next);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => void send.current(), TYPING_MS);
  }

  const markers = useMemo(() => {
    const problems =
      broken.length > 0
        ? broken
        : all.filter((one) => one.workflowId === workflowId && (file === '' || one.file === file));
    return problems.map(({ line, column, message, advice, severity }) => ({
      line,
      column,
      severity,
      message: `${message} ${advice}`,
    }));
  }, [broken, all, workflowId, file]);

  const first = broken[0];
  return (
    <div className="flex h-full min-h-0 flex-col bg-panel">
      <header className="flex h-8.5 flex-none items-center gap-2 border-b border-line px-3">
        <span className="truncate font-mono text-[11.5px] text-ink-3">{file}</span>
      </header>
      {first && (
        <Note kind="wait" className="m-2" title={`Line ${first.line}: ${first.message}`}>
          {first.advice} The canvas shows what was last understood.
        </Note>
      )}
      {text !== undefined && (
        <MonacoEditor
          path={`workflows/${workflowId}.yaml`}
          language="yaml"
          value={text}
          onChange={onChange}
          readOnly={readOnly}
          markers={markers}
          label="YAML of the workflow"
          className="min-h-0 flex-1"
        />
      )}
    </div>
  );
}
