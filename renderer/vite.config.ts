import tailwindcss from '@tailwindcss/vite';
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

/** Built files are served from a folder of their own and by Electron's own scheme, so every address is relative. */
export default defineConfig({
  root: import.meta.dirname,
  base: './',
  plugins: [react(), tailwindcss()],
  build: {
    outDir: '../build/out/renderer',
    emptyOutDir: true,
    manifest: true,
    // The page's policy takes fonts from its own address only.
    assetsInlineLimit: 0,
    target: 'es2023',
    // Monaco's language services are big and load only when a code editor opens.
    chunkSizeWarningLimit: 4_000,
    modulePreload: { polyfill: false },
  },
  worker: { format: 'es' },
});
