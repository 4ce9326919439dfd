import { serveLanguage } from './worker.ts';

// The worker as a program of its own, where the runtime is not bundled; bundled, `main.js sandbox` does the same.
await serveLanguage(process.argv[2], process.argv[3]);
process.exit(0);
