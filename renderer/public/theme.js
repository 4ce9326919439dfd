// Runs before the first paint, so that a dark editor does not flash white. The preference itself is kept by the host.
(() => {
  let theme = 'system';
  try {
    theme = localStorage.getItem('theme') ?? 'system';
  } catch {
    // Storage may be switched off; the system's theme is right then.
  }
  if (theme === 'system') {
    if (matchMedia('(prefers-contrast: more)').matches) theme = 'hc';
    else theme = matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light';
  }
  document.documentElement.dataset.theme = theme;
})();
