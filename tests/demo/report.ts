/** A stage that does not hold. Its message says what was expected and what came. */
export class StageFailed extends Error {}

export function expectThat(holds: boolean, message: string): asserts holds {
  if (!holds) throw new StageFailed(message);
}

export type Report = {
  /** Runs one stage, timed; after one that fails the later ones are not tried. Its figure stands beside its title. */
  stage(title: string, work: () => Promise<string>): Promise<void>;
  /** True when every stage did what it says. */
  finish(): boolean;
};

export function createReport(): Report {
  const lines: { title: string; ok: boolean; ms: number; figure: string }[] = [];
  let failed = false;
  const started = performance.now();

  return {
    async stage(title, work) {
      if (failed) return;
      const from = performance.now();
      try {
        const figure = await work();
        lines.push({ title, ok: true, ms: performance.now() - from, figure });
      } catch (thrown) {
        failed = true;
        const why = thrown instanceof StageFailed ? thrown.message : String((thrown as Error).stack ?? thrown);
        lines.push({ title, ok: false, ms: performance.now() - from, figure: why });
      }
      const line = lines.at(-1);
      if (line)
        process.stdout.write(
          `${line.ok ? 'ok  ' : 'FAIL'} ${seconds(line.ms).padStart(8)}  ${line.title}: ${line.figure}\n`,
        );
    },
    finish() {
      const held = lines.filter((line) => line.ok).length;
      process.stdout.write(
        `\n${failed ? 'The demo does not hold' : 'The demo holds'}: ${held} of ${lines.length} stages in ${seconds(performance.now() - started)}.\n`,
      );
      return !failed;
    },
  };
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(2)} s`;
}
