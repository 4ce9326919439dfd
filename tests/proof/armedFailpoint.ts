import { writeSync } from 'node:fs';
import type { Failpoint } from '#runtime/failpoint.ts';

/** What is to happen at which failpoint, at its how manieth visit from now. */
export type Arm = { name: Failpoint; action: 'kill' | 'throw' | 'freeze'; visit: number };

let arm: Arm | undefined;
let visits = 0;

export function armFailpoint(next: Arm | undefined): void {
  arm = next;
  visits = 0;
}

/** Stands in the place of `runtime/failpoint.ts` where the proofs run the runtime. */
export function failpoint(name: Failpoint): void {
  if (name !== arm?.name || ++visits < arm.visit) return;
  const { action } = arm;
  arm = undefined;
  // At once: a process that is ended in the next moment says nothing any more.
  writeSync(1, `${JSON.stringify({ at: name })}\n`);
  if (action === 'throw') throw new Error(`Broken at ${name}.`);
  process.kill(process.pid, action === 'kill' ? 'SIGKILL' : 'SIGSTOP');
}
