import { useReactFlow } from '@xyflow/react';
import { type ClipboardEvent, type PointerEvent, type RefObject, useEffect, useRef } from 'react';
import { plural } from '../look/format.ts';
import { openWorkflow } from '../state/documentSlice.ts';
import { isReadOnly } from '../state/historySlice.ts';
import { snap } from '../state/steps.ts';
import { now } from '../state/store.ts';
import { copyText, loadYaml, pasteEdit } from './clipboard.ts';
import { removeSelection } from './commands.ts';

const inField = (event: ClipboardEvent) => (event.target as HTMLElement).closest('input, textarea') !== null;

/** Copy, cut and paste of steps as YAML text; pasted steps come to where the pointer is. */
export function useClipboard(box: RefObject<HTMLElement | null>) {
  const flow = useReactFlow();
  const pointer = useRef({ x: 0, y: 0 });

  useEffect(() => {
    void loadYaml();
  }, []);

  function onCopy(event: ClipboardEvent) {
    const workflow = openWorkflow(now());
    const { selection } = now();
    if (!workflow || selection.length === 0 || inField(event)) return;
    const text = copyText(workflow, selection);
    if (!text) return;
    event.preventDefault();
    event.clipboardData.setData('text/plain', text);
    if (event.type === 'cut') removeSelection();
    else now().announce(`${plural(selection.length, 'step')} copied.`);
  }

  function onPaste(event: ClipboardEvent) {
    const { workflowId } = now();
    const workflow = openWorkflow(now());
    if (!workflow || !workflowId || isReadOnly(now()) || inField(event)) return;
    const at = box.current?.matches(':hover') ? flow.screenToFlowPosition(pointer.current) : undefined;
    const paste = pasteEdit(
      event.clipboardData.getData('text/plain'),
      workflowId,
      workflow,
      at && [snap(at.x), snap(at.y)],
      Math.random,
    );
    if (!paste) return;
    event.preventDefault();
    if (now().edit([paste])) now().select(Object.keys(paste.steps));
  }

  return {
    onCopy,
    onCut: onCopy,
    onPaste,
    onPointerMove(event: PointerEvent) {
      pointer.current = { x: event.clientX, y: event.clientY };
    },
  };
}
