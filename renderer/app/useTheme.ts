import { useEffect } from 'react';
import { useEditor } from '../state/store.ts';

/** Keeps the page in the chosen theme; `system` follows the computer, and its wish for more contrast. */
export function useTheme(): void {
  const chosen = useEditor((state) => (state.ready ? state.preferences.theme : undefined));
  useEffect(() => {
    if (!chosen) return;
    const dark = matchMedia('(prefers-color-scheme: dark)');
    const contrast = matchMedia('(prefers-contrast: more)');
    const apply = () => {
      const system = contrast.matches ? 'hc' : dark.matches ? 'dark' : 'light';
      document.documentElement.dataset.theme = chosen === 'system' ? system : chosen;
    };
    apply();
    // Read again before the first paint of the next start.
    localStorage.setItem('theme', chosen);
    dark.addEventListener('change', apply);
    contrast.addEventListener('change', apply);
    return () => {
      dark.removeEventListener('change', apply);
      contrast.removeEventListener('change', apply);
    };
  }, [chosen]);
}
