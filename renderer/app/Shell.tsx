import { lazy, Suspense, useEffect } from 'react';
import { Canvas } from '../canvas/Canvas.tsx';
import { Note } from '../look/Note.tsx';
import { Splitter } from '../look/Splitter.tsx';
import { BottomPanel } from '../runs/BottomPanel.tsx';
import { openWorkflow } from '../state/documentSlice.ts';
import { now, useEditor } from '../state/store.ts';
import { ErrorBoundary } from './ErrorBoundary.tsx';
import { ProjectBanners } from './ProjectBanners.tsx';
import { ProjectTree } from './ProjectTree.tsx';
import { Rail } from './Rail.tsx';
import { StatusBar } from './StatusBar.tsx';
import { TabStrip } from './TabStrip.tsx';
import { TitleBar } from './TitleBar.tsx';
import { useShellKeys } from './useShellKeys.ts';
import { ONE_AT_A_TIME_BELOW, useWidth } from './useWidth.ts';

const loadInspector = () => import('../inspector/Inspector.tsx').then((file) => ({ default: file.Inspector }));
const Inspector = lazy(loadInspector);
const CommandBar = lazy(() => import('./CommandBar.tsx').then((file) => ({ default: file.CommandBar })));
const KeysDialog = lazy(() => import('./KeysDialog.tsx').then((file) => ({ default: file.KeysDialog })));
const StepView = lazy(() => import('../inspector/StepView.tsx').then((file) => ({ default: file.StepView })));
const YamlPane = lazy(() => import('../inspector/YamlPane.tsx').then((file) => ({ default: file.YamlPane })));
const ScriptPane = lazy(() => import('../inspector/ScriptPane.tsx').then((file) => ({ default: file.ScriptPane })));
const EnvironmentPane = lazy(() =>
  import('../inspector/EnvironmentPane.tsx').then((file) => ({ default: file.EnvironmentPane })),
);
const RunsScreen = lazy(() => import('../runs/RunsScreen.tsx').then((file) => ({ default: file.RunsScreen })));
const DeploymentsScreen = lazy(() =>
  import('../publish/DeploymentsScreen.tsx').then((file) => ({ default: file.DeploymentsScreen })),
);
const ConnectionsScreen = lazy(() =>
  import('../library/ConnectionsScreen.tsx').then((file) => ({ default: file.ConnectionsScreen })),
);
const SettingsScreen = lazy(() =>
  import('../account/SettingsScreen.tsx').then((file) => ({ default: file.SettingsScreen })),
);
const PublishDialog = lazy(() =>
  import('../publish/PublishDialog.tsx').then((file) => ({ default: file.PublishDialog })),
);
const SignInDialog = lazy(() => import('../account/SignInDialog.tsx').then((file) => ({ default: file.SignInDialog })));

export const TREE = { initial: 224, min: 180, max: 360 };
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
  // The forms bring the expression engine with them; they come after the drawing, and before somebody asks.
  useEffect(() => {
    const idle = requestIdleCallback(() => void loadInspector(), { timeout: 2_000 });
    return () => cancelIdleCallback(idle);
  }, []);
  return (
    <div className="grid h-full grid-cols-[minmax(0,1fr)] grid-rows-[40px_minmax(0,1fr)_24px]">
      <TitleBar />
      <div className="flex min-h-0">
        <Rail />
        <ErrorBoundary what="This screen" resetKey={`${area} ${stepView ?? ''}`}>
          <Suspense fallback={<div className="flex-1" />}>
            {area === 'workflows' && (stepView ? <StepView stepId={stepView} /> : <Workbench />)}
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
  const empty = useEditor((state) => Object.keys(openWorkflow(state)?.steps ?? {}).length === 0);
  const treeWidth = useEditor((state) => state.size('tree', TREE.initial));
  const inspectorWidth = useEditor((state) => state.size('inspector', INSPECTOR.initial));
  const bottomHeight = useEditor((state) => state.size('bottom', BOTTOM.initial));
  const setSize = (name: string) => (value: number) => now().setSize(name, value);

  const showTree = treeOpen && width >= NO_TREE_BELOW;
  const floats = width < FLOATS_BELOW;
  // A floating inspector covers the canvas, so it waits for a selection or to be asked for.
  const showInspector =
    inspectorOpen && look === 'canvas' && tab?.kind === 'workflow' && (selected || settings || (!floats && empty));
  const asTab = width < ONE_AT_A_TIME_BELOW;
  const showBottom = bottom.open && tab?.kind === 'workflow' && look !== 'yaml';
  const full = showBottom && (bottom.full || asTab);
  const highest = Math.round(window.innerHeight * 0.6);

  return (
    <>
      {showTree && (
        <aside
          aria-label="Project"
          className="relative flex flex-none flex-col border-r border-line bg-app"
          style={{ width: treeWidth }}
        >
          <ProjectTree />
          <Splitter
            label="Width of the tree"
            axis="x"
            size={treeWidth}
            {...TREE}
            onSize={setSize('tree')}
            className="-right-0.5"
          />
        </aside>
      )}
      <main className="relative flex min-w-0 flex-1 flex-col bg-canvas">
        <TabStrip />
        <ProjectBanners />
        {tab === undefined && (
          <p className="p-6 text-ink-3">Nothing is open. Choose a workflow in the tree, or press Ctrl K.</p>
        )}
        {tab?.kind === 'script' && <ScriptPane key={tab.id} path={tab.id} />}
        {tab?.kind === 'environment' && <EnvironmentPane key={tab.id} name={tab.id} />}
        {tab?.kind === 'workflow' && !full && (
          <div className="relative flex min-h-60 flex-1">
            {look !== 'yaml' && (
              <section aria-label="Canvas" className="relative min-w-0 flex-1 bg-canvas">
                <Canvas />
              </section>
            )}
            {look !== 'canvas' && (
              <section
                aria-label="YAML"
                className={look === 'split' ? 'relative w-[44%] min-w-70 border-l border-line' : 'relative flex-1'}
              >
                <ErrorBoundary what="The YAML" resetKey={tab.id}>
                  <Suspense fallback={null}>
                    <YamlPane key={tab.id} workflowId={tab.id} />
                  </Suspense>
                </ErrorBoundary>
              </section>
            )}
            {floats && showInspector && (
              <aside
                aria-label="Inspector"
                className="absolute inset-y-0 right-0 z-20 flex w-84 max-w-full flex-col overflow-hidden border-l border-line bg-panel shadow-pop"
              >
                <Form />
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
              <BottomPanel />
            </ErrorBoundary>
          </section>
        )}
      </main>
      {!floats && showInspector && (
        <aside
          aria-label="Inspector"
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
          <Form />
        </aside>
      )}
    </>
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
