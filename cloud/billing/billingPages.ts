import type { Router } from 'express';
import { html } from '#shared/html.ts';
import { document, type Page } from '../accounts/pages/views.ts';
import type { MountDeps } from '../server/mount.ts';
import { rawRoute } from '../server/rawRoute.ts';

const BACK = html`<a class="button quiet" href="/app/workspace">To the workspace’s plan</a>`;

const PAGES: Record<'done' | 'cancelled', Page> = {
  done: {
    title: 'Thank you',
    lead: 'Your plan takes effect within seconds.',
    body: html`<p>You can close this page and go back to the editor. It shows the new plan as soon as the payment provider has told us.</p>${BACK}`,
  },
  cancelled: {
    title: 'Nothing was changed',
    lead: 'You left before the payment, so nothing was charged.',
    body: html`<p>Your workspace keeps the plan it has. You can close this page and go back to the editor.</p>${BACK}`,
  },
};

/** Where the payment provider sends people back to. They say nothing that only the provider's event can know. */
export function billingPages(router: Router, http: MountDeps): void {
  for (const name of ['done', 'cancelled'] as const) {
    rawRoute(
      router,
      { name: `pages.billing.${name}`, method: 'GET', path: `/billing/${name}`, access: 'public', rate: 'read' },
      (_req, res) => {
        res.set('Cache-Control', 'no-store').type('html').send(document(PAGES[name]));
      },
      http,
    );
  }
}
