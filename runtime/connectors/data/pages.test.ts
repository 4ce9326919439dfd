import { expect, test } from 'vitest';
import { createWorld, itemsOf, jsonOf } from '../stepCall.fixture.ts';
import { html } from './html.ts';
import { parseHtml } from './htmlTree.ts';
import { markdown } from './markdown.ts';
import { createSelect } from './selectHtml.ts';

const { run } = createWorld();
const PAGE = `<html><head><title>T</title><style>p{}</style></head><body>
<h1>Prices</h1><script>alert(1)</script>
<table class="prices"><tr><td>Tea</td><td class=n>1.50</td></tr><tr><td>Milk &amp; more</td><td class=n>2</td></tr></table>
<p>Read <a href="/more?a=1&amp;b=2">more<br>here</a></p><ul><li>one</li><li>two</li></ul></body></html>`;

async function one(type: typeof html | typeof markdown, config: object, json = { body: PAGE, text: '' }) {
  return jsonOf((await run(type as typeof html, { ...config }, itemsOf(json))).main)[0] ?? {};
}

test('values are taken by selectors, one or all, as text, HTML or attribute', async () => {
  const out = await one(html, {
    keepOthers: false,
    values: [
      { key: 'title', selector: 'h1' },
      { key: 'names', selector: 'table.prices tr > td:first-child', all: true },
      { key: 'link', selector: 'p a[href^="/more"]', take: 'attribute', attribute: 'href' },
      { key: 'inner', selector: 'p', take: 'html' },
      { key: 'none', selector: '.none' },
      { key: 'nones', selector: '.none', all: true },
      { key: 'last', selector: 'tr:has(td:contains("Milk")) td.n' },
    ],
  });
  expect(out).toEqual({
    title: 'Prices',
    names: ['Tea', 'Milk & more'],
    link: '/more?a=1&b=2',
    inner: 'Read <a href="/more?a=1&amp;b=2">more<br>here</a>',
    none: null,
    nones: [],
    last: '2',
  });
});

test('a page becomes the text that a person reads', async () => {
  expect((await one(html, { action: 'text' })).text).toBe(
    'Prices\n\nTea 1.50\nMilk & more 2\n\nRead more\nhere\n\n- one\n- two',
  );
});

test('a selector that is none, and one that would take too long, are named', async () => {
  const values = (selector: string) => ({ values: [{ key: 'x', selector, all: true }] });
  await expect(one(html, values('td['))).rejects.toMatchObject({ code: 'config.invalid' });
  await expect(one(html, values(':nonsense(1)'))).rejects.toMatchObject({ code: 'config.invalid' });
  const many = '<p>x</p>'.repeat(20_000);
  await expect(one(html, values('p.a'), { body: many, text: '' })).resolves.toMatchObject({ x: [] });
  await expect(one(html, values('p:nth-last-child(3n+2)'), { body: many, text: '' })).rejects.toMatchObject({
    code: 'limit.exceeded',
    message: 'The selectors take too long on this page.',
  });
});

test('the work of selectors is counted to the step', async () => {
  const page = await parseHtml('<p>a</p><p>b</p>');
  expect((await createSelect(page, 1_000))('p', 9)).toHaveLength(2);
  await expect(createSelect(page, 1).then((select) => select('p', 9))).rejects.toMatchObject({
    code: 'limit.exceeded',
  });
});

test('a page may be so large and deep, and no more', async () => {
  const limits = { characters: 1_000, nodes: 10, depth: 5 };
  const nest = (depth: number) => '<b>'.repeat(depth);
  await expect(parseHtml(nest(5), limits)).resolves.toBeTruthy();
  await expect(parseHtml(nest(6), limits)).rejects.toMatchObject({ code: 'limit.exceeded' });
  await expect(parseHtml('<br>'.repeat(10), limits)).resolves.toBeTruthy();
  await expect(parseHtml('<br>'.repeat(11), limits)).rejects.toMatchObject({ code: 'limit.exceeded' });
  await expect(parseHtml('x'.repeat(1_000), limits)).resolves.toBeTruthy();
  await expect(parseHtml('x'.repeat(1_001), limits)).rejects.toMatchObject({ code: 'limit.exceeded' });
});

const toHtml = async (text: string, config: object = {}) => (await one(markdown, config, { body: '', text })).html;

test('Markdown becomes HTML', async () => {
  expect(await toHtml('# Hi\n\n*a* **b** `c`\n\n- [x] d\n\n|e|f|\n|-|-|\n|1|2|')).toMatch(
    /<h1>Hi<\/h1>\s*<p><em>a<\/em> <strong>b<\/strong> <code>c<\/code><\/p>\s*<ul>.*<table>/s,
  );
  expect(await toHtml('a\nb', { lineBreaks: true })).toBe('<p>a<br>b</p>\n');
});

test('HTML in Markdown never becomes part of the page', async () => {
  const hostile = 'a <img src=x onerror=alert(1)> b\n\n<script>alert(1)</script>';
  expect(await toHtml(hostile)).not.toMatch(/<(img|script)/);
  expect(await toHtml(hostile)).toContain('&lt;img src=x');
  expect(await toHtml(hostile, { rawHtml: 'remove' })).toBe('<p>a  b</p>\n');
});

test.each([
  'javascript:alert(1)',
  'JaVaScRiPt:alert(1)',
  'java&#115;cript:alert(1)',
  'javascript&#58;alert(1)',
  'javascript&colon;alert(1)',
  'vbscript:x',
  'data:text/html,x',
  '&#1;javascript:alert(1)',
])('an address %s is taken out', async (href) => {
  for (const text of [`[x](${href})`, `![x](${href})`, `<${href}>`, `[x]\n\n[x]: ${href}`]) {
    const made = (await toHtml(text)) as string;
    for (const [, address = ''] of made.matchAll(/(?:href|src)="([^"]*)"/g)) expect(address).toBe('');
  }
});

test('harmless addresses stay', async () => {
  for (const href of ['https://a.example/x?a=1', '/rel', '#part', 'mailto:a@b.example', 'tel:123', 'a/b:c'])
    expect(await toHtml(`[x](${href})`)).toContain(`href="${href}"`);
});

test('HTML becomes Markdown, without scripts', async () => {
  const text =
    '<h2>A</h2><script>x()</script><p>b <b>c</b> <a href="https://a.example">d</a></p><ul><li>e</li></ul><pre><code>f\n  g</code></pre>';
  expect((await one(markdown, { to: 'markdown' }, { body: '', text })).markdown).toBe(
    '## A\n\nb **c** [d](https://a.example)\n\n-   e\n\n```\nf\n  g\n```',
  );
});

test('texts made to keep the readers busy are refused', async () => {
  for (const text of [
    '*a_'.repeat(20_000),
    '>'.repeat(5_000),
    '[a]('.repeat(50_000),
    `${'- '.repeat(60)}x`,
    'a_'.repeat(100_000),
  ])
    await expect(toHtml(text)).rejects.toMatchObject({ code: 'limit.exceeded' });
  for (const text of ['<b><i>'.repeat(100), '<p>a</p>'.repeat(30_000)])
    await expect(one(markdown, { to: 'markdown' }, { body: '', text })).rejects.toMatchObject({
      code: 'limit.exceeded',
    });
  expect(await toHtml(`|a|b|\n|-|-|\n${'|1|2|\n'.repeat(5_000)}`)).toContain('<td>2</td>');
  expect(await toHtml(`${'*a* '.repeat(100)}\n\n`.repeat(200))).toContain('<em>a</em>');
});
