import {
  Background,
  BackgroundVariant,
  type Connection,
  type Edge,
  type Node,
  ReactFlow,
  ReactFlowProvider,
  SelectionMode,
} from '@xyflow/react';
import { useRef, useState } from 'react';
import { stepTypeInfo } from '#shared/workflow/catalog.ts';
import { edgeKey } from '#shared/workflow/tree.ts';
import { AddStep } from '../library/AddStep.tsx';
import { openWorkflow } from '../state/documentSlice.ts';
import { edgesTo } from '../state/edges.ts';
import { isReadOnly } from '../state/historySlice.ts';
import { stepIds } from '../state/stepLists.ts';
import { GRID } from '../state/steps.ts';
import { now, useEditor } from '../state/store.ts';
import { ConnectDialog } from './ConnectDialog.tsx';
import './canvas.css';
import { CanvasTools, LookingChip, ReadOnlyChip, RunPill } from './CanvasOverlays.tsx';
import { Cursors } from './Cursors.tsx';
import { connectSteps } from './commands.ts';
import { EmptyCanvas } from './EmptyCanvas.tsx';
import { FlowEdge } from './FlowEdge.tsx';
import { Outline } from './Outline.tsx';
import { Overview } from './Overview.tsx';
import { RenameStep } from './RenameStep.tsx';
import { StepNode } from './StepNode.tsx';
import { useCanvasKeys } from './useCanvasKeys.ts';
import { useClipboard } from './useClipboard.ts';
import { useDrag } from './useDrag.ts';
import { onEdgesChange, useEdges } from './useEdges.ts';
import { useNodes } from './useNodes.ts';
import { usePointer } from './usePointer.ts';
import { useReveal } from './useReveal.ts';
import { useView } from './useView.ts';

// The drawing compares what it is given with what it had: what does not change has to be the same object.
const NODE_TYPES = { step: StepNode };
const EDGE_TYPES = { flow: FlowEdge };
const SNAP: [number, number] = [GRID, GRID];
const PAN_BUTTONS = [1, 2];
const ZOOM_KEYS = ['Control', 'Meta'];
const PICK_KEYS = ['Shift', 'Control', 'Meta'];
const NO_MARK = { hideAttribution: true };
const MINIMAP_FROM = 20;
const ONLY_VISIBLE_FROM = 80;

/** The drawing of the open workflow, with its keys, its step search and its outline for screen readers. */
export function Canvas() {
  const workflowId = useEditor((state) => state.workflowId);
  const empty = useEditor((state) => stepIds(openWorkflow(state)).length === 0);
  if (!workflowId) return null;
  return (
    <ReactFlowProvider key={workflowId}>
      <Drawing />
      {empty && <EmptyCanvas />}
      <AddStep />
    </ReactFlowProvider>
  );
}

function Drawing() {
  const readOnly = useEditor(isReadOnly);
  const { nodes, onNodesChange } = useNodes();
  const { slot, moving, ...drag } = useDrag();
  const edges = useEdges(slot);
  const [mode, setMode] = useState<'select' | 'hand'>('select');
  const [renaming, setRenaming] = useState<string>();
  const [connecting, setConnecting] = useState<string>();
  const box = useRef<HTMLDivElement>(null);
  const clipboard = useClipboard(box);
  useReveal(box);
  useCanvasKeys({ onMode: setMode, onRename: setRenaming, onConnect: setConnecting });
  const pointer = usePointer();
  const view = useView(box);

  return (
    <div
      ref={box}
      className="flow relative size-full"
      data-hand={mode === 'hand'}
      data-moving={moving}
      data-far="no"
      {...clipboard}
    >
      <Outline />
      <ReactFlow
        aria-label="Canvas"
        nodes={nodes}
        edges={edges}
        nodeTypes={NODE_TYPES}
        edgeTypes={EDGE_TYPES}
        onNodesChange={onNodesChange}
        onEdgesChange={onEdgesChange}
        {...drag}
        onNodeDoubleClick={openNode}
        onPaneClick={leaveAll}
        onConnect={connect}
        {...pointer}
        isValidConnection={canConnect}
        connectionRadius={28}
        {...view}
        nodesDraggable={!readOnly && mode === 'select'}
        nodesConnectable={!readOnly}
        elementsSelectable
        selectionOnDrag={mode === 'select'}
        selectionMode={SelectionMode.Partial}
        panOnDrag={mode === 'hand' ? true : PAN_BUTTONS}
        panOnScroll
        panActivationKeyCode="Space"
        zoomActivationKeyCode={ZOOM_KEYS}
        zoomOnDoubleClick={false}
        multiSelectionKeyCode={PICK_KEYS}
        deleteKeyCode={null}
        disableKeyboardA11y
        minZoom={0.25}
        maxZoom={2}
        snapToGrid
        snapGrid={SNAP}
        onlyRenderVisibleElements={nodes.length > ONLY_VISIBLE_FROM}
        proOptions={NO_MARK}
      >
        <Background variant={BackgroundVariant.Dots} gap={GRID} size={1.6} color="var(--dot)" bgColor="transparent" />
        <Cursors />
        {nodes.length >= MINIMAP_FROM && <Overview />}
      </ReactFlow>
      {nodes.length > 0 && <CanvasTools mode={mode} onMode={setMode} />}
      <RunPill />
      <ReadOnlyChip />
      <LookingChip />
      <RenameStep stepId={renaming} onClose={() => setRenaming(undefined)} />
      <ConnectDialog stepId={connecting} onClose={() => setConnecting(undefined)} />
    </div>
  );
}

const openNode = (_event: unknown, node: Node) => now().openStep(node.id);

function leaveAll(): void {
  // A field keeps the focus otherwise, and the keys of the canvas would go there.
  if (document.activeElement instanceof HTMLElement) document.activeElement.blur();
  now().select([]);
}

function connect({ source, sourceHandle, target, targetHandle }: Connection): void {
  connectSteps(source, sourceHandle ?? 'main', target, targetHandle ?? 'main');
}

function canConnect(connection: Connection | Edge): boolean {
  const workflow = openWorkflow(now());
  const { source, sourceHandle, target, targetHandle } = connection;
  if (!workflow || !sourceHandle || !targetHandle) return false;
  if (workflow.edges[edgeKey({ from: source, outPort: sourceHandle, to: target, inPort: targetHandle })]) return false;
  const info = stepTypeInfo(now().stepTypes, workflow.steps[target]?.uses ?? '');
  const single = info?.singleInputs?.includes(targetHandle);
  return !single || !edgesTo(workflow, target).some(({ inPort }) => inPort === targetHandle);
}
