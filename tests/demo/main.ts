import { buildAll } from '../../build/build.ts';
import { startDemo, stopDemo } from './demo.ts';
import { stagesHere } from './stagesHere.ts';
import { stagesHosted } from './stagesHosted.ts';
import { stagesUnderFire } from './stagesUnderFire.ts';

/**
 * `npm run demo`: the main job from end to end, on GitHub's published webhook examples, past every screen. The command line,
 * the desktop's host and the control plane run as their own processes, as users run them. Exit 0 only if every stage holds.
 */
await buildAll();
process.stdout.write('Sluice: the main job from end to end\n\n');
await passMidnight();
const demo = await startDemo();
try {
  await stagesHere(demo);
  await stagesHosted(demo);
  await stagesUnderFire(demo);
} finally {
  await stopDemo(demo);
}
process.exitCode = demo.report.finish() ? 0 : 1;

/** The daily cap begins anew at midnight, UTC; a demo across it would count two days. */
async function passMidnight(): Promise<void> {
  const left = 86_400_000 - (Date.now() % 86_400_000);
  if (left > 180_000) return;
  process.stdout.write(
    `Waiting ${Math.ceil(left / 1000)} s for the day to end, since the daily cap is part of this.\n`,
  );
  await new Promise((resolve) => setTimeout(resolve, left + 1_000));
}
