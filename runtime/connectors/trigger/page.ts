import { createHash } from 'node:crypto';
import { type Html, html } from '#shared/html.ts';
import { PAGE_STYLE } from './pageStyle.ts';

export type Page = { title: string; body: Html };

const STYLE_HASH = createHash('sha256').update(PAGE_STYLE).digest('base64');
const STYLE: Html = { markup: PAGE_STYLE };

/** A page for people outside: one card, no script, nothing loaded from anywhere. */
export function pageText({ title, body }: Page): string {
  return `<!doctype html>\n${
    html`<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
<link rel="icon" href="data:,">
<style>${STYLE}</style>
</head>
<body>
<main>
<div class="card">
<h1>${title}</h1>
${body}
</div>
</main>
</body>
</html>
`.markup
  }`;
}

/**
 * What goes with every such page: nothing but its own style and its own form works in it, no other page shows it inside,
 * and no copy is kept. `leadsTo`: the origin that its form may lead on to.
 */
export function pageHeaders(leadsTo?: string): Record<string, string> {
  return {
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': `default-src 'none'; style-src 'sha256-${STYLE_HASH}'; img-src data:; form-action 'self'${
      leadsTo === undefined ? '' : ` ${leadsTo}`
    }; base-uri 'none'; frame-ancestors 'none'`,
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
    'referrer-policy': 'no-referrer',
    'cache-control': 'no-store',
  };
}
