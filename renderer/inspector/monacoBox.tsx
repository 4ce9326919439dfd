import * as monaco from 'monaco-editor/editor/editor.api';
import EditorWorker from 'monaco-editor/editor/editor.worker?worker';
import 'monaco-editor/features/register.all';
import TsWorker from 'monaco-editor/language/typescript/ts.worker?worker';
import 'monaco-editor/languages/definitions/javascript/register';
import 'monaco-editor/languages/definitions/typescript/register';
import 'monaco-editor/languages/definitions/yaml/register';
import * as typescript from 'monaco-editor/languages/features/typescript/register';
import { useEffect, useRef } from 'react';
import type { MonacoEditorProps } from './MonacoEditor.tsx';

export type EditorMarker = { line: number; column: number; message: string; severity: 'error' | 'warning' };

globalThis.MonacoEnvironment = {
  getWorker: (_id: string, label: string) =>
    label === 'typescript' || label === 'javascript' ? new TsWorker() : new EditorWorker(),
};

/** What a script may use besides the language itself. */
const SCRIPT_TYPES = `
type Item = { json: Record<string, any>; binary?: Record<string, { blob: string; bytes: number; mime: string; name?: string }> };
type Context = {
  env: Record<string, any>; run: { id: string; mode: string; startedAt: string };
  now(): number; random(): number; uuid(): string; log(message: string): void; step(id: string): Item[];
};
declare const $json: Record<string, any>; declare const $items: Item[]; declare const $env: Record<string, any>; declare const $input: any;
declare function $(step: string): { item: Item; first(): Item; last(): Item; all(): Item[] };
`;
for (const defaults of [typescript.typescriptDefaults, typescript.javascriptDefaults]) {
  defaults.setCompilerOptions({
    target: typescript.ScriptTarget.ESNext,
    allowNonTsExtensions: true,
    strict: true,
    noLib: false,
    lib: ['es2022'],
  });
  // Inline code is a function body: it may return and await at the top.
  defaults.setDiagnosticsOptions({ diagnosticCodesToIgnore: [1108, 1375, 1378] });
  defaults.addExtraLib(SCRIPT_TYPES, 'file:///sluice.d.ts');
}

let themed = '';
/** The editor has the colours of the tokens, read from the page; they change with its theme. */
function applyTheme(): void {
  const name = document.documentElement.dataset.theme ?? 'light';
  if (themed === name) return;
  themed = name;
  const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const styles = getComputedStyle(document.documentElement);
  const hex = (token: string) => {
    if (!canvas) return '#808080';
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = styles.getPropertyValue(token).trim();
    canvas.fillRect(0, 0, 1, 1);
    const [r = 0, g = 0, b = 0, a = 255] = canvas.getImageData(0, 0, 1, 1).data;
    return `#${[r, g, b, ...(a < 255 ? [a] : [])].map((part) => part.toString(16).padStart(2, '0')).join('')}`;
  };
  const rule = (token: string, colour: string) => ({ token, foreground: hex(colour).slice(1, 7) });
  monaco.editor.defineTheme('sluice', {
    base: name === 'light' ? 'vs' : name === 'hc' ? 'hc-black' : 'vs-dark',
    inherit: true,
    rules: [
      rule('', '--ink'),
      rule('type', '--c-key'),
      rule('key', '--c-key'),
      rule('string', '--c-str'),
      rule('string.yaml', '--c-str'),
      rule('number.yaml', '--c-num'),
      rule('keyword.yaml', '--c-num'),
      rule('operators.yaml', '--ink-2'),
      rule('number', '--c-num'),
      rule('keyword', '--c-fn'),
      rule('comment', '--c-dim'),
      rule('delimiter', '--ink-2'),
    ],
    colors: {
      'editor.background': hex('--panel'),
      'editor.foreground': hex('--ink'),
      'editorLineNumber.foreground': hex('--ink-3'),
      'editorLineNumber.activeForeground': hex('--ink'),
      'editor.lineHighlightBackground': hex('--hover'),
      'editor.lineHighlightBorder': '#00000000',
      'editor.selectionBackground': hex('--selected'),
      'editorCursor.foreground': hex('--accent'),
      'editorWidget.background': hex('--raised'),
      'editorIndentGuide.background1': hex('--line'),
      'scrollbarSlider.background': hex('--press'),
      focusBorder: '#00000000',
    },
  });
  monaco.editor.setTheme('sluice');
}

/** The real editor. A new text from outside is put in as the smallest edit, so that the cursor stays where it is. */
export function MonacoBox({
  path,
  language,
  value,
  onChange,
  readOnly,
  markers,
  label,
  className,
  lineNumbers = true,
}: MonacoEditorProps) {
  const box = useRef<HTMLDivElement>(null);
  const editor = useRef<monaco.editor.IStandaloneCodeEditor>(undefined);
  const latest = useRef(onChange);
  latest.current = onChange;
  const applying = useRef(false);
  const first = useRef({ value, label, readOnly, lineNumbers });

  useEffect(() => {
    if (!box.current) return;
    applyTheme();
    const uri = monaco.Uri.parse(`file:///${path}`);
    const model = monaco.editor.getModel(uri) ?? monaco.editor.createModel(first.current.value, language, uri);
    const made = monaco.editor.create(box.current, {
      model,
      automaticLayout: true,
      ariaLabel: first.current.label,
      fontFamily: '"JetBrains Mono Variable", ui-monospace, monospace',
      fontLigatures: false,
      fontSize: 12,
      lineHeight: 19,
      lineNumbers: first.current.lineNumbers ? 'on' : 'off',
      lineNumbersMinChars: 3,
      folding: first.current.lineNumbers,
      minimap: { enabled: false },
      padding: { top: 8, bottom: 8 },
      readOnly: first.current.readOnly,
      renderLineHighlight: first.current.lineNumbers ? 'line' : 'none',
      overviewRulerLanes: 0,
      overviewRulerBorder: false,
      hideCursorInOverviewRuler: true,
      scrollbar: { verticalScrollbarSize: 10, horizontalScrollbarSize: 10 },
      scrollBeyondLastLine: false,
      tabSize: 2,
      wordWrap: 'off',
      fixedOverflowWidgets: true,
    });
    editor.current = made;
    const typed = model.onDidChangeContent(() => {
      if (!applying.current) latest.current?.(model.getValue());
    });
    const themes = new MutationObserver(applyTheme);
    themes.observe(document.documentElement, { attributes: true, attributeFilter: ['data-theme'] });
    return () => {
      themes.disconnect();
      typed.dispose();
      made.dispose();
      model.dispose();
      editor.current = undefined;
    };
  }, [path, language]);

  useEffect(() => {
    const model = editor.current?.getModel();
    if (!model || model.getValue() === value) return;
    applying.current = true;
    model.pushEditOperations([], [smallestEdit(model, value)], () => null);
    applying.current = false;
  }, [value]);

  useEffect(() => {
    const model = editor.current?.getModel();
    if (!model) return;
    monaco.editor.setModelMarkers(
      model,
      'sluice',
      (markers ?? []).map((marker) => {
        const line = Math.min(Math.max(1, marker.line), model.getLineCount());
        return {
          startLineNumber: line,
          endLineNumber: line,
          startColumn: marker.column,
          endColumn: model.getLineMaxColumn(line),
          message: marker.message,
          severity: marker.severity === 'error' ? monaco.MarkerSeverity.Error : monaco.MarkerSeverity.Warning,
        };
      }),
    );
  }, [markers]);

  useEffect(() => editor.current?.updateOptions({ readOnly }), [readOnly]);

  // The canvas beside it takes the space bar for panning everywhere else.
  return <div ref={box} className={`nokey ${className ?? ''}`} />;
}

/** Replaces what lies between the parts that both texts begin and end with. */
function smallestEdit(model: monaco.editor.ITextModel, next: string): monaco.editor.IIdentifiedSingleEditOperation {
  const before = model.getValue();
  const least = Math.min(before.length, next.length);
  let start = 0;
  while (start < least && before[start] === next[start]) start += 1;
  let tail = 0;
  while (tail < least - start && before[before.length - 1 - tail] === next[next.length - 1 - tail]) tail += 1;
  const from = model.getPositionAt(start);
  const to = model.getPositionAt(before.length - tail);
  return {
    range: new monaco.Range(from.lineNumber, from.column, to.lineNumber, to.column),
    text: next.slice(start, next.length - tail),
  };
}
