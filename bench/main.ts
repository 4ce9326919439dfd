import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { FULL, QUICK, runBench } from './bench.ts';
import { asMarkdown, asText } from './tables.ts';

/** `npm run bench`: measures, prints, and keeps the figures in `bench/results`. With `--quick` it only checks that all works. */
const { values } = parseArgs({ options: { quick: { type: 'boolean', default: false }, rounds: { type: 'string' } } });
const pace = values.quick
  ? QUICK
  : { ...FULL, ...(values.rounds ? { rounds: Math.max(1, Number(values.rounds)) } : {}) };
const report = await runBench(pace, (line) => process.stderr.write(`${line}\n`));
process.stdout.write(`${asText(report)}\n`);
if (!values.quick) {
  const results = new URL('results/', import.meta.url);
  mkdirSync(results, { recursive: true });
  writeFileSync(new URL('latest.json', results), `${JSON.stringify(report, null, 2)}\n`);
  writeFileSync(new URL('table.md', results), asMarkdown(report));
  const readme = new URL('../README.md', import.meta.url);
  const between = /(<!-- bench -->\n)[\s\S]*?(<!-- \/bench -->)/;
  writeFileSync(
    readme,
    readFileSync(readme, 'utf8').replace(
      between,
      (_all, open: string, close: string) => `${open}\n${asMarkdown(report)}\n${close}`,
    ),
  );
}
