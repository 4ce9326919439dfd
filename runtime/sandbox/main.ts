import { serveScripts } from './worker.ts';

// The worker as a program of its own, where the runtime is not bundled; bundled, `main.js sandbox` does the same.
await serveScripts(process.stdin, process.stdout);
process.exit(0);
