import { Menu, type MenuItemConstructorOptions } from 'electron';

/** The system's menu: what people expect in every app. What the editor does has keys of its own in the page. */
export function setMenu(isPackaged: boolean): void {
  const mac = process.platform === 'darwin';
  const app: MenuItemConstructorOptions[] = mac ? [{ role: 'appMenu' }] : [];
  const view: MenuItemConstructorOptions[] = [
    { role: 'resetZoom' },
    { role: 'zoomIn' },
    { role: 'zoomOut' },
    { type: 'separator' },
    { role: 'togglefullscreen' },
    // Whoever builds it may look inside; an installed one is for people.
    ...(isPackaged
      ? []
      : ([{ type: 'separator' }, { role: 'reload' }, { role: 'toggleDevTools' }] as MenuItemConstructorOptions[])),
  ];
  Menu.setApplicationMenu(
    Menu.buildFromTemplate([
      ...app,
      { role: 'fileMenu' },
      { role: 'editMenu' },
      { label: 'View', submenu: view },
      { role: 'windowMenu' },
    ]),
  );
}
