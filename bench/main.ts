import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { FULL, QUICK, runBench, runCloudBench } from './bench.ts';
import { cloudText } from './cloud/cloudTables.ts';
import { type Report, withCloud } from './report.ts';
import { asMarkdown, asText, barsText, columns, number } from './tables.ts';

const results = new URL('results/', import.meta.url);
const say = (line: string) => process.stderr.write(`${line}\n`);

/**
 * `npm run bench`: measures, prints, and keeps the figures in `bench/results`. With `--quick` it only checks that all works;
 * `npm run bench -- cloud` measures the control plane alone and leaves the other figures as they were.
 */
const { values, positionals } = parseArgs({
  options: { quick: { type: 'boolean', default: false }, rounds: { type: 'string' } },
  allowPositionals: true,
});
const [part] = positionals;
if (part !== undefined && part !== 'cloud') throw new TypeError(`There is no part ${part}; there is cloud.`);
if (part === 'cloud') {
  const before = JSON.parse(readFileSync(new URL('latest.json', results), 'utf8')) as Report;
  const report = withCloud(before, await runCloudBench(say));
  process.stdout.write(`${cloudText(report.cloud, { columns, number })}\n\n${barsText(report)}\n`);
  keep(report);
} else {
  const pace = values.quick
    ? QUICK
    : { ...FULL, ...(values.rounds ? { rounds: Math.max(1, Number(values.rounds)) } : {}) };
  const report = await runBench(pace, say);
  process.stdout.write(`${asText(report)}\n`);
  if (!values.quick) keep(report);
}

function keep(report: Report): void {
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
