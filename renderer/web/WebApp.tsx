import { useEffect } from 'react';
import { Shell } from '../app/Shell.tsx';
import { editor, now, useEditor } from '../state/store.ts';
import { navigate, pathOfProject, routeOf, usePath } from './route.ts';
import { useKeptUndo } from './useKeptUndo.ts';
import { WebShell } from './WebShell.tsx';

/** The editor as the control plane serves it: a project in the editor everybody knows, and around it what is the workspace's. */
export function WebApp() {
  const path = usePath();
  const route = routeOf(path);
  const wanted = route.kind === 'project' ? route.projectId : undefined;
  const opened = useEditor((state) => state.doc?.info.id);
  const name = useEditor((state) => state.doc?.tree.project.name);
  useKeptUndo();

  // The address leads: by a link, by going back, by a reload.
  useEffect(() => {
    const here = now().doc?.info.id;
    if (wanted === here) return;
    if (wanted === undefined) {
      void now()
        .closeProject()
        .then(() => now().loadProjects());
      return;
    }
    now()
      .openProject(wanted)
      .catch((thrown: unknown) => {
        now().fail(thrown, 'The project could not be opened');
        navigate('/app', { replace: true });
      });
  }, [wanted]);

  // And it follows, where the editor itself opened or closed a project.
  useEffect(
    () =>
      editor().store.subscribe(({ doc }, { doc: before }) => {
        if (doc?.info.id === before?.info.id) return;
        if (doc) navigate(pathOfProject(doc.info.id));
        else if (routeOf(window.location.pathname).kind === 'project') navigate('/app');
      }),
    [],
  );

  // What is not saved yet is in this window only, so the browser asks before it is closed.
  useEffect(() => {
    const ask = (event: BeforeUnloadEvent) => {
      const { doc, saving } = now();
      if (doc && saving.state !== 'saved') event.preventDefault();
    };
    window.addEventListener('beforeunload', ask);
    return () => window.removeEventListener('beforeunload', ask);
  }, []);

  useEffect(() => {
    document.title = name ? `${name} · Sluice` : 'Sluice';
    // The link that led here is gone with its page, and with it the place of whoever listens.
    if (name) now().announce(`The project ${name} is open.`);
  }, [name]);

  if (wanted !== undefined) return opened === wanted ? <Shell /> : null;
  return route.kind === 'screen' ? <WebShell screen={route.screen} /> : null;
}
