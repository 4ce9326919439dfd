import {
  applyNodeChanges,
  Background,
  BackgroundVariant,
  type Connection,
  type Edge,
  MiniMap,
  type Node,
  type NodeChange,
  type OnConnectEnd,
  ReactFlow,
  ReactFlowProvider,
  SelectionMode,
  useReactFlow,
  type Viewport,
} from '@xyflow/react';
import { useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { useShallow } from 'zustand/react/shallow';
import { stepTypeInfo } from '#shared/workflow/catalog.ts';
import { edgeKey, parseEdge, type Workflow } from '#shared/workflow/tree.ts';
import { AddStep } from '../library/AddStep.tsx';
import { openWorkflow } from '../state/documentSlice.ts';
import { edgesFrom, edgesTo } from '../state/edges.ts';
import { isReadOnly } from '../state/historySlice.ts';
import { cardState } from '../state/stepFacts.ts';
import { GRID, placeOf, snap } from '../state/steps.ts';
import { now, useEditor } from '../state/store.ts';
import { ConnectDialog } from './ConnectDialog.tsx';
import './canvas.css';
import { CanvasTools, LookingChip, ReadOnlyChip, RunPill } from './CanvasOverlays.tsx';
import { Cursors } from './Cursors.tsx';
import { connectSteps, putIntoEdge } from './commands.ts';
import { EmptyCanvas } from './EmptyCanvas.tsx';
import { FlowEdge } from './FlowEdge.tsx';
import { fitFirst } from './fit.ts';
import { Outline } from './Outline.tsx';
import { RenameStep } from './RenameStep.tsx';
import { StepNode } from './StepNode.tsx';
import { useCanvasKeys } from './useCanvasKeys.ts';
import { useClipboard } from './useClipboard.ts';
import { useReveal } from './useReveal.ts';

const NODE_TYPES = { step: StepNode };
const EDGE_TYPES = { flow: FlowEdge };
const MINIMAP_FROM = 20;
const ONLY_VISIBLE_FROM = 80;
/** Where each workflow was looked at, for when somebody comes back to it. */
const viewports = new Map<string, Viewport>();

/** The drawing of the open workflow, with its keys, its step search and its outline for screen readers. */
export function Canvas() {
  const workflowId = useEditor((state) => state.workflowId);
  const empty = useEditor((state) => Object.keys(openWorkflow(state)?.steps ?? {}).length === 0);
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
  const workflow = useEditor(openWorkflow);
  const [selection, selectedEdges] = useEditor(useShallow((state) => [state.selection, state.selectedEdges]));
  const readOnly = useEditor(isReadOnly);
  const [nodes, setNodes] = useState<Node[]>(() => nodesOf(workflow, [], selection));
  const [slot, setSlot] = useState<string>();
  const [mode, setMode] = useState<'select' | 'hand'>('select');
  const [renaming, setRenaming] = useState<string>();
  const [connecting, setConnecting] = useState<string>();
  const [moving, setMoving] = useState(false);
  const box = useRef<HTMLDivElement>(null);
  const flow = useReactFlow();
  const clipboard = useClipboard(box);
  useReveal(box);
  useCanvasKeys({ onMode: setMode, onRename: setRenaming, onConnect: setConnecting });

  // The nodes follow the tree; one that did not change stays the same object, so only changed cards are drawn again.
  useEffect(() => {
    if (!workflow) return;
    setNodes((before) => nodesOf(workflow, before, selection));
  }, [workflow, selection]);

  // Readers hear the ends by name; without a new name the edges stay the same objects.
  const names = useEditor((state) => JSON.stringify(namesOf(openWorkflow(state))));
  const edges = useMemo<Edge[]>(() => {
    const nameOf = JSON.parse(names) as Record<string, string>;
    const chosen = new Set(selectedEdges);
    return Object.keys(workflow?.edges ?? {}).map((id) => {
      const { from, outPort, to, inPort } = parseEdge(id);
      return {
        id,
        type: 'flow',
        source: from,
        sourceHandle: outPort,
        target: to,
        targetHandle: inPort,
        selected: chosen.has(id),
        ariaLabel: `Edge from ${nameOf[from] ?? from} to ${nameOf[to] ?? to}`,
        data: { slot: slot === id },
      };
    });
  }, [workflow?.edges, selectedEdges, slot, names]);

  const onNodesChange = useCallback((changes: NodeChange[]) => {
    setNodes((before) => applyNodeChanges(changes, before));
    const picks = changes.filter((change) => change.type === 'select');
    if (picks.length === 0) return;
    const chosen = new Set(now().selection);
    for (const pick of picks) {
      if (pick.selected) chosen.add(pick.id);
      else chosen.delete(pick.id);
    }
    now().select([...chosen]);
  }, []);

  function onDragStop(_event: unknown, node: Node, moved: Node[]) {
    setMoving(false);
    const { workflowId } = now();
    if (!workflow || !workflowId) return;
    const positions: Record<string, [number, number]> = {};
    for (const { id, position } of moved) {
      const place: [number, number] = [snap(position.x), snap(position.y)];
      const [x, y] = placeOf(workflow, id);
      if (place[0] !== x || place[1] !== y) positions[id] = place;
    }
    if (Object.keys(positions).length > 0) now().edit([{ type: 'moveSteps', workflowId, positions }]);
    if (slot) putIntoEdge(node.id, slot);
    setSlot(undefined);
  }

  /** A step that hangs on nothing and is dragged over an edge may be dropped into it. */
  function onDrag(event: MouseEvent | TouchEvent | React.MouseEvent, node: Node, moved: Node[]) {
    if (!workflow || moved.length > 1 || !('clientX' in event)) return;
    const hangs = edgesFrom(workflow, node.id).length > 0 || edgesTo(workflow, node.id).length > 0;
    const under = hangs
      ? undefined
      : document
          .elementsFromPoint(event.clientX, event.clientY)
          .map((one) => one.closest('.react-flow__edge'))
          .find(Boolean);
    setSlot(under?.getAttribute('data-id') ?? undefined);
  }

  const onConnectEnd: OnConnectEnd = (event, state) => {
    if (state.isValid || !state.fromNode || !state.fromHandle?.id || state.fromHandle.type !== 'source') return;
    const point = 'changedTouches' in event ? event.changedTouches[0] : event;
    if (!point || (event.target as HTMLElement | null)?.closest('.react-flow__node')) return;
    const at = flow.screenToFlowPosition({ x: point.clientX, y: point.clientY });
    now().add({
      from: { stepId: state.fromNode.id, port: state.fromHandle.id },
      position: [snap(at.x), snap(at.y - 30)],
      screen: { x: point.clientX, y: point.clientY },
    });
  };

  function canConnect(connection: Connection | Edge): boolean {
    const { source, sourceHandle, target, targetHandle } = connection;
    if (!workflow || !sourceHandle || !targetHandle) return false;
    if (workflow.edges[edgeKey({ from: source, outPort: sourceHandle, to: target, inPort: targetHandle })])
      return false;
    const info = stepTypeInfo(now().stepTypes, workflow.steps[target]?.uses ?? '');
    const single = info?.singleInputs?.includes(targetHandle);
    return !single || !edgesTo(workflow, target).some(({ inPort }) => inPort === targetHandle);
  }

  /** Names never fall under 11 px on screen: the words grow as the drawing shrinks. */
  function onViewport(viewport: Viewport) {
    const { zoom } = viewport;
    const element = box.current;
    // A movement may go on for a moment after the drawing is gone; then it comes to nowhere.
    if (!element?.isConnected || !Number.isFinite(zoom)) return;
    viewports.set(now().workflowId ?? '', viewport);
    element.style.setProperty('--k', String(Math.max(1, 0.85 / Math.max(zoom, 0.4))));
    element.dataset.far = zoom < 0.4 ? 'far' : zoom < 0.6 ? 'near' : 'no';
  }

  const count = Object.keys(workflow?.steps ?? {}).length;
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
        onEdgesChange={(changes) => {
          const picks = changes.filter((change) => change.type === 'select');
          if (picks.length === 0) return;
          const chosen = new Set(now().selectedEdges);
          for (const pick of picks) {
            if (pick.selected) chosen.add(pick.id);
            else chosen.delete(pick.id);
          }
          now().select(now().selection, [...chosen]);
        }}
        onNodeDragStart={() => setMoving(true)}
        onNodeDrag={onDrag}
        onNodeDragStop={onDragStop}
        onNodeDoubleClick={(_event, node) => now().openStep(node.id)}
        onPaneClick={() => {
          // A field keeps the focus otherwise, and the keys of the canvas would go there.
          if (document.activeElement instanceof HTMLElement) document.activeElement.blur();
          now().select([]);
        }}
        onConnect={({ source, sourceHandle, target, targetHandle }) =>
          connectSteps(source, sourceHandle ?? 'main', target, targetHandle ?? 'main')
        }
        onPointerMove={(event) => {
          const { x, y } = flow.screenToFlowPosition({ x: event.clientX, y: event.clientY });
          now().pointAt([x, y]);
        }}
        onPointerLeave={() => now().pointAt(undefined)}
        onConnectEnd={onConnectEnd}
        isValidConnection={canConnect}
        connectionRadius={28}
        onViewportChange={onViewport}
        onInit={(instance) => {
          const before = viewports.get(now().workflowId ?? '');
          if (before) void instance.setViewport(before);
          else fitFirst(instance);
          onViewport(instance.getViewport());
        }}
        nodesDraggable={!readOnly && mode === 'select'}
        nodesConnectable={!readOnly}
        elementsSelectable
        selectionOnDrag={mode === 'select'}
        selectionMode={SelectionMode.Partial}
        panOnDrag={mode === 'hand' ? true : [1, 2]}
        panOnScroll
        panActivationKeyCode="Space"
        zoomActivationKeyCode={['Control', 'Meta']}
        zoomOnDoubleClick={false}
        multiSelectionKeyCode={['Shift', 'Control', 'Meta']}
        deleteKeyCode={null}
        disableKeyboardA11y
        minZoom={0.25}
        maxZoom={2}
        snapToGrid
        snapGrid={[GRID, GRID]}
        onlyRenderVisibleElements={count > ONLY_VISIBLE_FROM}
        proOptions={{ hideAttribution: true }}
      >
        <Background variant={BackgroundVariant.Dots} gap={GRID} size={1.6} color="var(--dot)" bgColor="transparent" />
        <Cursors />
        {count >= MINIMAP_FROM && (
          <MiniMap
            pannable
            zoomable
            position="bottom-right"
            style={{ width: 132, height: 74, margin: 14 }}
            nodeBorderRadius={12}
            nodeColor={(node) => MINI_COLOURS[cardState(node.id)(now())] ?? 'var(--ink-off)'}
          />
        )}
      </ReactFlow>
      {count > 0 && <CanvasTools mode={mode} onMode={setMode} />}
      <RunPill />
      <ReadOnlyChip />
      <LookingChip />
      <RenameStep stepId={renaming} onClose={() => setRenaming(undefined)} />
      <ConnectDialog stepId={connecting} onClose={() => setConnecting(undefined)} />
    </div>
  );
}

function namesOf(workflow: Workflow | undefined): Record<string, string> {
  return Object.fromEntries(Object.entries(workflow?.steps ?? {}).map(([id, { name }]) => [id, name]));
}

/** The cards of a workflow; what did not change stays the same object, and the list too when nothing did. */
function nodesOf(workflow: Workflow | undefined, before: Node[], selection: string[]): Node[] {
  const chosen = new Set(selection);
  const known = new Map(before.map((node) => [node.id, node]));
  const next = Object.keys(workflow?.steps ?? {}).map((id) => {
    const [x, y] = workflow ? placeOf(workflow, id) : [0, 0];
    const old = known.get(id);
    const selected = chosen.has(id);
    const same = old && old.position.x === x && old.position.y === y && old.selected === selected;
    if (old && (same || old.dragging)) return old;
    return { ...old, id, type: 'step', position: { x, y }, selected, data: {}, initialWidth: 168, initialHeight: 60 };
  });
  return next.length === before.length && next.every((node, index) => node === before[index]) ? before : next;
}

const MINI_COLOURS: Record<string, string> = {
  succeeded: 'var(--ok-mark)',
  running: 'var(--run-mark)',
  retrying: 'var(--run-mark)',
  waiting: 'var(--wait-mark)',
  failed: 'var(--bad-mark)',
  timed_out: 'var(--bad-mark)',
  pinned: 'var(--pin-mark)',
};
