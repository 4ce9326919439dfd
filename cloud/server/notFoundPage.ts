import type { Request, Response } from 'express';
import { html } from '#shared/html.ts';
import { send } from '../accounts/pages/pages.ts';

/** Addresses of programs, which get a problem document whoever asks. */
const PROGRAMS = /^\/(?:v1|agent)(?:\/|$)/i;

/** Whether somebody opened the address in a browser: a program takes anything, or says that it wants JSON. */
export function isOpenedByPerson(req: Request): boolean {
  if (req.method !== 'GET' && req.method !== 'HEAD') return false;
  return (
    !PROGRAMS.test(req.path) &&
    req.accepts(['application/problem+json', 'application/json', 'text/html']) === 'text/html'
  );
}

/** Says to a person that nothing is here, and where to go on. What they asked for is not repeated. */
export function sendNotFoundPage(res: Response): void {
  res.vary('Accept');
  send(
    res,
    {
      title: 'There is nothing here',
      lead: 'This address leads to no page.',
      body: html`<p>Look for a slip in the address. If a link brought you here, what it led to may have been moved or deleted.</p>
<a class="button" href="/app">To your workflows</a>`,
    },
    404,
  );
}
