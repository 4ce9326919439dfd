import { ArrowLeft } from 'lucide-react';
import { Suspense, useEffect } from 'react';
import { Canvas } from '../canvas/Canvas.tsx';
import type { DetailsRoom } from '../changes/ConflictPanel.tsx';
import { Button } from '../look/Button.tsx';
import { Note } from '../look/Note.tsx';
import { part } from '../look/part.ts';
import { Splitter } from '../look/Splitter.tsx';
import { isOpen } from '../state/conflictsSlice.ts';
import { openWorkflow } from '../state/documentSlice.ts';
import { stepIds } from '../state/stepLists.ts';
import { now, useEditor } from '../state/store.ts';
import { ErrorBoundary } from './ErrorBoundary.tsx';
import { ProjectBanners } from './ProjectBanners.tsx';
import { ProjectTree } from './ProjectTree.tsx';
import { Rail } from './Rail.tsx';
import { StatusBar } from './StatusBar.tsx';
import { TabStrip } from './TabStrip.tsx';
import { TitleBar } from './TitleBar.tsx';
import { usePresence } from './usePresence.ts';
import { useShellKeys } from './useShellKeys.ts';
import { ONE_AT_A_TIME_BELOW, useWidth } from './useWidth.ts';

const loadInspector = () => import('../inspector/Inspector.tsx').then((file) => file.Inspector);
const Inspector = part(loadInspector);
const BottomPanel = part(() => import('../runs/BottomPanel.tsx').then((file) => file.BottomPanel));
const CommandBar = part(() => import('./CommandBar.tsx').then((file) => file.CommandBar));
const KeysDialog = part(() => import('./KeysDialog.tsx').then((file) => file.KeysDialog));
const StepView = part(() => import('../inspector/StepView.tsx').then((file) => file.StepView));
const YamlPane = part(() => import('../inspector/YamlPane.tsx').then((file) => file.YamlPane));
const ScriptPane = part(() => import('../inspector/ScriptPane.tsx').then((file) => file.ScriptPane));
const EnvironmentPane = part(() => import('../inspector/EnvironmentPane.tsx').then((file) => file.EnvironmentPane));
const RunsScreen = part(() => import('../runs/RunsScreen.tsx').then((file) => file.RunsScreen));
const DeploymentsScreen = part(() => import('../publish/DeploymentsScreen.tsx').then((file) => file.DeploymentsScreen));
const ConnectionsScreen = part(() => import('../library/ConnectionsScreen.tsx').then((file) => file.ConnectionsScreen));
const SettingsScreen = part(() => import('../account/SettingsScreen.tsx').then((file) => file.SettingsScreen));
const PublishDialog = part(() => import('../publish/PublishDialog.tsx').then((file) => file.PublishDialog));
const SignInDialog = part(() => import('../account/SignInDialog.tsx').then((file) => file.SignInDialog));

const ChangesPanel = part(() => import('../changes/ChangesPanel.tsx').then((file) => file.ChangesPanel));
const ConflictPanel = part(() => import('../changes/ConflictPanel.tsx').then((file) => file.ConflictPanel));
const LookingPanel = part(() => import('../changes/LookingPanel.tsx').then((file) => file.LookingPanel));
const CompareText = part(() => import('../changes/CompareText.tsx').then((file) => file.CompareText));

export const TREE = { initial: 224, min: 180, max: 360 };
/** The list of changes says who and when, which takes more room than names. */
const CHANGES = { initial: 272, min: 220, max: 400 };
const INSPECTOR = { initial: 336, min: 280, max: 480 };
const BOTTOM = { initial: 276, min: 120 };
/** Below these widths parts give way so that the canvas keeps its room. */
const FLOATS_BELOW = 1280;
const NO_TREE_BELOW = 1100;

export function Shell() {
  const area = useEditor((state) => state.area);
  const stepView = useEditor((state) => state.stepView);
  const dialog = useEditor((state) => state.dialog);
  useShellKeys();
  usePresence();
  // The forms bring the expression engine with them; they come after the drawing, and before somebody asks.
  useEffect(() => {
    const idle = requestIdleCallback(() => loadInspector().catch(() => undefined), { timeout: 2_000 });
    return () => cancelIdleCallback(idle);
  }, []);
  return (
    <div className="grid h-full grid-cols-[minmax(0,1fr)] grid-rows-[40px_minmax(0,1fr)_24px]">
      <TitleBar />
      <div className="flex min-h-0">
        <Rail />
        <ErrorBoundary what="This screen" resetKey={`${area} ${stepView ?? ''}`}>
          <Suspense fallback={<div className="flex-1" />}>
            {(area === 'workflows' || area === 'changes') &&
              (stepView ? <StepView stepId={stepView} /> : <Workbench />)}
            {area === 'runs' && <RunsScreen />}
            {area === 'deployments' && <DeploymentsScreen />}
            {area === 'connections' && <ConnectionsScreen />}
            {area === 'settings' && <SettingsScreen />}
          </Suspense>
        </ErrorBoundary>
      </div>
      <StatusBar />
      {dialog && (
        <ErrorBoundary what="This dialog" resetKey={dialog}>
          <Suspense fallback={null}>
            {dialog === 'publish' && <PublishDialog />}
            {dialog === 'sign-in' && <SignInDialog />}
            {dialog === 'commands' && <CommandBar />}
            {dialog === 'keys' && <KeysDialog />}
          </Suspense>
        </ErrorBoundary>
      )}
    </div>
  );
}

function Workbench() {
  const width = useWidth();
  const tab = useEditor((state) => state.openTab);
  const look = useEditor((state) => state.look);
  const bottom = useEditor((state) => state.bottom);
  const treeOpen = useEditor((state) => state.treeOpen);
  const inspectorOpen = useEditor((state) => state.inspectorOpen);
  const selected = useEditor((state) => state.selection.length > 0);
  const settings = useEditor((state) => state.settingsOpen);
  const changes = useEditor((state) => state.area === 'changes');
  const part = useEditor((state) => state.changesPart);
  const looking = useEditor((state) => state.looking !== undefined);
  const hasConflicts = useEditor(
    (state) =>
      state.conflicts.some(isOpen) || Object.values(state.answering).some((answering) => answering.state === 'given'),
  );
  const empty = useEditor((state) => stepIds(openWorkflow(state)).length === 0);
  const left = changes ? CHANGES : TREE;
  const leftName = changes ? 'changes' : 'tree';
  const treeWidth = useEditor((state) => state.size(leftName, left.initial));
  const inspectorWidth = useEditor((state) => state.size('inspector', INSPECTOR.initial));
  const bottomHeight = useEditor((state) => state.size('bottom', BOTTOM.initial));
  const setSize = (name: string) => (value: number) => now().setSize(name, value);

  const asTab = width < ONE_AT_A_TIME_BELOW;
  const hasDetails = changes && (looking || hasConflicts);
  // The list of changes and what is chosen in it take turns where the canvas would lose its room to both.
  const oneSide = changes && width < NO_TREE_BELOW;
  const showTree = changes ? !asTab && !(oneSide && hasDetails && part !== 'list') : treeOpen && width >= NO_TREE_BELOW;
  const floats = width < FLOATS_BELOW && !oneSide;
  // A floating inspector covers the canvas, so it waits for a selection or to be asked for.
  const showForm =
    !changes &&
    inspectorOpen &&
    look === 'canvas' &&
    tab?.kind === 'workflow' &&
    (selected || settings || (!floats && empty));
  const showInspector = showForm || (hasDetails && !asTab && !(oneSide && part === 'list'));
  const showBottom = bottom.open && !looking && tab?.kind === 'workflow' && look !== 'yaml';
  const full = showBottom && (bottom.full || asTab);
  const highest = Math.round(window.innerHeight * 0.6);

  // One thing at a time: the list, what is chosen in it, or the drawing.
  if (changes && asTab && part !== 'canvas') {
    const isDetail = part === 'detail' && hasDetails;
    return (
      <main className="flex min-w-0 flex-1 flex-col bg-app">
        <ProjectBanners />
        {isDetail ? <Details room="alone" /> : <Changes />}
      </main>
    );
  }

  return (
    <>
      {showTree && (
        <aside
          aria-label={changes ? 'Changes' : 'Project'}
          className="relative flex flex-none flex-col border-r border-line bg-app"
          style={{ width: treeWidth }}
        >
          {changes ? <Changes /> : <ProjectTree />}
          <Splitter
            label={changes ? 'Width of the changes' : 'Width of the tree'}
            axis="x"
            size={treeWidth}
            {...left}
            onSize={setSize(leftName)}
            className="-right-0.5"
          />
        </aside>
      )}
      <main className="relative flex min-w-0 flex-1 flex-col bg-canvas">
        {changes && asTab && part === 'canvas' && <BackToDetail />}
        <TabStrip />
        <ProjectBanners />
        {tab === undefined && (
          <p className="p-6 text-ink-3">Nothing is open. Choose a workflow in the tree, or press Ctrl K.</p>
        )}
        {looking && tab?.kind !== 'workflow' && (
          <section aria-label="Files side by side" className="min-h-0 flex-1">
            <Compared />
          </section>
        )}
        {!looking && tab?.kind === 'script' && <ScriptPane key={tab.id} path={tab.id} />}
        {!looking && tab?.kind === 'environment' && <EnvironmentPane key={tab.id} name={tab.id} />}
        {tab?.kind === 'workflow' && !full && (
          <div className="relative flex min-h-60 flex-1">
            {look !== 'yaml' && (
              <section aria-label="Canvas" className="relative min-w-0 flex-1 bg-canvas">
                <h2 className="visually-hidden">Steps</h2>
                <Canvas />
              </section>
            )}
            {look !== 'canvas' && (
              <section
                aria-label={looking ? 'Files side by side' : 'YAML'}
                className={look === 'split' ? 'relative w-[44%] min-w-70 border-l border-line' : 'relative flex-1'}
              >
                {looking ? (
                  <Compared />
                ) : (
                  <ErrorBoundary what="The YAML" resetKey={tab.id}>
                    <Suspense fallback={null}>
                      <YamlPane key={tab.id} workflowId={tab.id} />
                    </Suspense>
                  </ErrorBoundary>
                )}
              </section>
            )}
            {floats && showInspector && (
              <aside
                aria-label={changes ? 'Details' : 'Inspector'}
                className="absolute inset-y-0 right-0 z-20 flex w-84 max-w-full flex-col overflow-hidden border-l border-line bg-panel shadow-pop"
              >
                {changes ? <Details room={oneSide ? 'instead' : 'beside'} /> : <Form />}
              </aside>
            )}
          </div>
        )}
        {showBottom && (
          <section
            aria-label="Data and log"
            className={
              full ? 'relative flex min-h-0 flex-1 flex-col' : 'relative flex flex-none flex-col border-t border-line'
            }
            style={full ? undefined : { height: Math.min(bottomHeight, highest) }}
          >
            {!full && (
              <Splitter
                label="Height of the panel"
                axis="y"
                size={bottomHeight}
                {...BOTTOM}
                max={highest}
                direction={-1}
                onSize={setSize('bottom')}
                className="-top-0.5"
              />
            )}
            <ErrorBoundary what="This panel" resetKey={bottom.tab}>
              <Suspense fallback={null}>
                <BottomPanel />
              </Suspense>
            </ErrorBoundary>
          </section>
        )}
      </main>
      {!floats && showInspector && (
        <aside
          aria-label={changes ? 'Details' : 'Inspector'}
          className="relative flex flex-none flex-col overflow-hidden border-l border-line bg-panel"
          style={{ width: inspectorWidth }}
        >
          <Splitter
            label="Width of the inspector"
            axis="x"
            size={inspectorWidth}
            {...INSPECTOR}
            direction={-1}
            onSize={setSize('inspector')}
            className="left-0"
          />
          {changes ? <Details room={oneSide ? 'instead' : 'beside'} /> : <Form />}
        </aside>
      )}
    </>
  );
}

/** The list of what differs. */
function Changes() {
  return (
    <ErrorBoundary what="This list">
      <Suspense fallback={null}>
        <ChangesPanel />
      </Suspense>
    </ErrorBoundary>
  );
}

/** What is chosen in the list of changes: the conflicts, or two states of the project. */
function Details({ room }: { room: DetailsRoom }) {
  const looking = useEditor((state) => state.looking !== undefined);
  return (
    <ErrorBoundary what="This panel" resetKey={String(looking)}>
      <Suspense fallback={null}>{looking ? <LookingPanel room={room} /> : <ConflictPanel room={room} />}</Suspense>
    </ErrorBoundary>
  );
}

function Compared() {
  return (
    <ErrorBoundary what="The files">
      <Suspense fallback={null}>
        <CompareText />
      </Suspense>
    </ErrorBoundary>
  );
}

function BackToDetail() {
  return (
    <div className="flex flex-none items-center border-b border-line bg-app px-2 py-1">
      <Button
        look="ghost"
        size="sm"
        icon={<ArrowLeft className="icon-s" />}
        onClick={() => now().showChanges('detail')}
      >
        Back to what differs
      </Button>
    </div>
  );
}

/** The inspector's form; one that cannot be drawn leaves the canvas as it is. */
function Form() {
  const selected = useEditor((state) => state.selection.join(' '));
  return (
    <ErrorBoundary what="This form" resetKey={selected}>
      <Suspense fallback={null}>
        <Inspector />
      </Suspense>
    </ErrorBoundary>
  );
}

/** The link to the host is gone: said where it can be seen, with what is kept. */
export function LinkLost() {
  const up = useEditor((state) => state.linkUp);
  if (up) return null;
  return (
    <Note kind="wait" title="The host does not answer" className="m-2">
      What you change is kept here and saved when it comes back.
    </Note>
  );
}
