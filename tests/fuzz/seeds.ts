import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import type { JsonObject } from '#shared/json.ts';
import type { RunEvent } from '#shared/run/events.ts';
import { EXAMPLE_FILES } from '#shared/workflow/example.fixture.ts';
import type { Tree } from '#shared/workflow/tree.ts';

/** Real examples of everything that is read, to begin from. */
export const FILES = EXAMPLE_FILES;

export const MACHINE = `# machines/order.yaml
name: Order
initial: open
data: { tries: 0, total: null }
states:
  open:
    on:
      pay: { target: paid, when: =$json.payload.amount > 0, set: { total: =$json.payload.amount }, action: triage, undo: triage }
      drop: [{ target: dropped, when: =$json.data.tries > 3 }, { target: open, set: { tries: =$json.data.tries + 1 } }]
    after: { ms: 86400000, target: dropped }
  paid:
    on: { refund: { target: dropped, compensate: true } }
  dropped: { final: true }
onFailure: dropped
`;

export const CRONS = [
  ...['0 7 * * 1-5', '*/15 * * * *', '0 0 29 2 *', '30 2 * * 0', '0 0 1 1,4,7,10 *', '5,10-20/3 8-18 * * MON-FRI'],
  ...['0 0 L * *', '0 0 * * 5#3', '0 30 4 15W * ?', '0 0 31 2 *', '@daily', '59 23 31 12 7'],
];
export const ZONES = ['UTC', 'Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'Asia/Kathmandu', 'Mars/Base'];

export const CSVS = [
  'name,qty,at\nnut,3,2026-01-02\n"bolt, long",4,"say ""hi"""\n',
  'a;b;c\r\n1;2;3\r\n;;\r\n',
  '\ufeffx\ty\n1\t2\n',
  'name\n"several\nlines"\n',
];
export const XMLS = [
  '<?xml version="1.0" encoding="UTF-8"?><order id="7"><line sku="a">1</line><line sku="b">2</line><note>a &amp; b</note></order>',
  '<a xmlns:b="u"><b:c><![CDATA[<x>]]></b:c><!-- no --><d/></a>',
  '<rss><channel><item><title>One</title></item></channel></rss>',
];
export const PAGES = [
  '<!doctype html><html><head><title>T</title><style>p{}</style></head><body><h1>A</h1><p class="x">b <b>c</b><br>d</p><ul><li>1<li>2</ul></body></html>',
  '<table class="prices"><tr><th>N<td>1</tr><tr><th>M<td><a href="/x?y=1&amp;z=2">2</a></tr></table><script>let a = "</p>"</script>',
  '<div id=main><p>one<p>two<img src=a.png alt="x"><pre> code\n  more</pre></div>',
];
export const SELECTORS = [
  ...['p', '.x b', 'table.prices td:nth-child(2)', '#main > p + p', 'a[href^="/x"]', ':is(h1, p):not(.x)', '*'],
  ...['tr:has(a) td', 'li:first-child ~ li', 'p:contains("one")', '[src$=png i]'],
];
export const MARKDOWNS = [
  '# Head\n\nText with *emphasis*, **strong**, `code`, [a link](https://example.com "t") and ![img](a.png).\n\n- one\n- two\n  1. deep\n\n> quote\n\n```js\nlet a;\n```\n\n| a | b |\n|---|:-:|\n| 1 | 2 |\n',
  'Hard  \nbreak<br>&amp; <b>raw</b> <https://example.com> ~~gone~~\n***\nSet\n===\n[ref]: /url\n[ref]\n- [ ] task\n',
];
export const EXPRESSIONS = [
  "=$json.headers['x-github-event'] === 'issues' && $json.body.action === 'opened'",
  '{{ $env.trackerUrl }}/issues/{{ $json.number }}',
  "=$json.list.filter((one) => one.qty > 2).map(({ sku, qty }) => sku + `: ` + qty).join(', ')",
  "=$('set_k3f9').item.json.id ?? $items.length",
  '=({ ...$json, total: $json.list.reduce((sum, { qty }) => sum + qty, 0) })',
  "=date('2026-03-01T09:00:00Z').plus({ days: 3 }).toISO()",
  "=$json.name.replace(/(?<first>[a-z]+)/giu, '$<first>').padEnd(10, '.')",
  '\\=no expression \\{{ here }}',
];
export const EDGES = [
  'a -> b',
  'fresh_2c7x.true -> score_m4t8',
  'New issue?.false -> answer_r8j5.main',
  'post_d5w6.error->failed_x0b4',
];
export const BODIES = [
  'application/json\u0001{"action":"opened","issue":{"number":17,"labels":[{"name":"bug"}]}}',
  'application/x-www-form-urlencoded\u0001a=1&b=two+words&a=%C3%A9&__proto__=1',
  'text/plain; charset="iso-8859-1"\u0001Grüße',
  'application/vnd.api+json\u0001[1,2.5e3,null,"\\u00e9"]',
  'text/xml; charset=utf-16\u0001<a/>',
];

export type Golden = { tree: Tree; items: number; events: RunEvent[] };

/** Journals that earlier releases wrote, the short ones, with the trees that they ran. */
export const JOURNALS: readonly Golden[] = goldens();

function goldens(): Golden[] {
  const folder = join(import.meta.dirname, '..', 'golden');
  return readdirSync(folder).flatMap((release) =>
    readdirSync(join(folder, release))
      .map((file) => readFileSync(join(folder, release, file), 'utf8'))
      .filter((text) => text.length < 12_000)
      .map((text) => JSON.parse(text) as Golden),
  );
}

/** A small ZIP archive: one file stored, one of nothing. Each letter is a byte. */
export const ZIP = zipOf([
  ['a.txt', 'hello'],
  ['folder/b.csv', ''],
]);

function zipOf(files: readonly (readonly [string, string])[]): string {
  const parts: Buffer[] = [];
  const list: Buffer[] = [];
  let at = 0;
  for (const [name, content] of files) {
    const head = Buffer.alloc(30);
    head.writeUInt32LE(0x04034b50, 0);
    head.writeUInt32LE(crc32(content), 14);
    head.writeUInt32LE(content.length, 18);
    head.writeUInt32LE(content.length, 22);
    head.writeUInt16LE(name.length, 26);
    const entry = Buffer.alloc(46);
    entry.writeUInt32LE(0x02014b50, 0);
    head.copy(entry, 16, 14, 26);
    entry.writeUInt16LE(name.length, 28);
    entry.writeUInt32LE(at, 42);
    const whole = Buffer.concat([head, Buffer.from(name + content, 'latin1')]);
    parts.push(whole);
    list.push(Buffer.concat([entry, Buffer.from(name, 'latin1')]));
    at += whole.length;
  }
  const directory = Buffer.concat(list);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(files.length, 8);
  end.writeUInt16LE(files.length, 10);
  end.writeUInt32LE(directory.length, 12);
  end.writeUInt32LE(at, 16);
  return Buffer.concat([...parts, directory, end]).toString('latin1');
}

export const asJson = (value: unknown): JsonObject => JSON.parse(JSON.stringify(value)) as JsonObject;
