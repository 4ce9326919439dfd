import { type Html, html } from '#shared/html.ts';

export type OfferedProvider = { name: string; title: string };

/** Ways past the form; nothing where none is set up. */
export function otherWays(offered: OfferedProvider[], next: string): Html | undefined {
  if (offered.length === 0) return undefined;
  const one = ({ name, title }: OfferedProvider) =>
    html`<a class="button quiet" href="/sign-in/with/${name}?next=${encodeURIComponent(next)}">Continue with ${title}</a>`;
  return html`<div class="ways">${offered.map(one)}</div>`;
}
