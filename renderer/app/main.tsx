import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { connect } from '../host/connect.ts';
import { TooltipProvider } from '../look/Tooltip.tsx';
import '../look/look.css';
import { createEditor, setEditor } from '../state/store.ts';
import { App } from './App.tsx';
import { nextFrame } from './nextFrame.ts';

const editor = createEditor(connect(), {
  sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
  now: () => Date.now(),
  nextFrame,
});
setEditor(editor);
void editor.store.getState().begin();

const root = document.getElementById('root');
if (root) {
  createRoot(root).render(
    <StrictMode>
      <TooltipProvider delayDuration={350} skipDelayDuration={150}>
        <App />
      </TooltipProvider>
    </StrictMode>,
  );
}
