import { type Html, html } from '#shared/html.ts';
import { type OfferedProvider, otherWays } from './otherWays.ts';

const LOGO = html`<svg width="36" height="36" viewBox="0 0 20 20" role="img" aria-label="Sluice"><rect width="20" height="20" rx="5.5" fill="var(--accent)"/><path d="M5.5 4.6v10.8M14.5 4.6v10.8" stroke="var(--on-accent)" stroke-width="1.7" stroke-linecap="round"/><path d="M5.6 6.2h8.8v3.4H5.6z" fill="var(--on-accent)"/><path d="M7.6 12.1c1-.8 1.7-.8 2.4 0s1.5.8 2.4 0M7.6 14.8c1-.8 1.7-.8 2.4 0s1.5.8 2.4 0" fill="none" stroke="var(--on-accent)" stroke-width="1.25" stroke-linecap="round"/></svg>`;

export type Page = { title: string; lead?: string; body: Html; below?: Html };

export type Problem = { message: string; advice?: string };

/** The frame of every page: one card, no script. */
export function document({ title, lead, body, below }: Page): string {
  return `<!doctype html>\n${
    html`<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title} · Sluice</title>
<link rel="icon" href="data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 20 20'%3E%3Crect width='20' height='20' rx='5.5' fill='%231f5fe0'/%3E%3Cpath d='M5.5 4.6v10.8M14.5 4.6v10.8' stroke='%23fff' stroke-width='1.7' stroke-linecap='round'/%3E%3Cpath d='M5.6 6.2h8.8v3.4H5.6z' fill='%23fff'/%3E%3C/svg%3E">
<link rel="stylesheet" href="/assets/pages.css">
</head>
<body>
<main>
<div class="card">
<header>${LOGO}<div><h1>${title}</h1>${lead !== undefined && html`<p class="lead">${lead}</p>`}</div></header>
${body}
</div>
${below !== undefined && html`<div class="below">${below}</div>`}
</main>
</body>
</html>
`.markup
  }`;
}

/** What is being connected: the name the device gave itself, and where its browser will be sent. */
export function deviceCard(device: string, redirectUri: string): Html {
  return html`<div class="device">
<svg viewBox="0 0 24 24" aria-hidden="true"><path d="M18 5a2 2 0 0 1 2 2v8.526a2 2 0 0 0 .212.897l1.068 2.127a1 1 0 0 1-.9 1.45H3.62a1 1 0 0 1-.9-1.45l1.068-2.127A2 2 0 0 0 4 15.526V7a2 2 0 0 1 2-2z"/><path d="M20.054 15.987H3.946"/></svg>
<div><strong>${device}</strong><span>on this computer, at ${new URL(redirectUri).host}</span></div>
</div>`;
}

export function problemNote(problem: Problem | undefined): Html | undefined {
  if (!problem) return undefined;
  return html`<p class="note" role="alert">${problem.message}${problem.advice !== undefined && html` ${problem.advice}`}</p>`;
}

type SignInView = { email: string; next: string; problem?: Problem; device?: Html; offered: OfferedProvider[] };

export function signInPage({ email, next, problem, device, offered }: SignInView): Page {
  return {
    title: 'Sign in to Sluice',
    lead: device ? 'to connect the desktop app on this computer' : undefined,
    body: html`${device}
<form method="post" action="/sign-in">
<input type="hidden" name="next" value="${next}">
<div class="field"><label for="email">E-mail</label><input id="email" name="email" type="email" autocomplete="username" required maxlength="254" value="${email}"${!email && html` autofocus`}></div>
<div class="field"><label for="password">Password</label><input id="password" name="password" type="password" autocomplete="current-password" required maxlength="200"${!!email && html` autofocus`}></div>
${problemNote(problem)}
<button type="submit">${device ? 'Sign in and connect this device' : 'Sign in'}</button>
</form>
${otherWays(offered, next)}`,
    below: html`<span><a href="/forgot">Forgot the password?</a></span><span>No account? <a href="/sign-up?next=${encodeURIComponent(next)}">Create one</a></span><span>Building and running on your own machine needs no account.</span>`,
  };
}

const CODE_FIELD = html`<div class="field"><label for="code">Code</label><input id="code" name="code" autocomplete="one-time-code" autocapitalize="none" spellcheck="false" required maxlength="40" aria-describedby="hint" autofocus><span id="hint" class="hint">Six digits from your authenticator app, or a recovery code.</span></div>`;

export function codePage(challenge: string, next: string, problem?: Problem): Page {
  return {
    title: 'Enter your code',
    lead: 'Your account asks for a second factor.',
    body: html`<form method="post" action="/sign-in/code">
<input type="hidden" name="challenge" value="${challenge}">
<input type="hidden" name="next" value="${next}">
${CODE_FIELD}
${problemNote(problem)}
<button type="submit">Sign in</button>
</form>`,
    below: html`<span>Somebody else? <a href="/sign-in?next=${encodeURIComponent(next)}">Sign in again</a></span>`,
  };
}

const PASSWORD_FIELD = html`<div class="field"><label for="password">Password</label><input id="password" name="password" type="password" autocomplete="current-password" required maxlength="200"></div>`;

export function factorOffPage(problem?: Problem): Page {
  return {
    title: 'Second factor',
    lead: 'It is off: your password alone signs you in.',
    body: html`<p>With it, signing in also asks for a code that an app on your phone shows. You need such an authenticator app.</p>
<form method="post" action="/second-factor/enrol">
${PASSWORD_FIELD}
${problemNote(problem)}
<button type="submit">Set it up</button>
</form>
<a class="button quiet" href="/signed-in">Back</a>`,
  };
}

export function factorEnrolPage(secret: string, uri: string, problem?: Problem): Page {
  return {
    title: 'Connect your app',
    body: html`<p>Add this key to your authenticator app, or <a href="${uri}">open it in an app on this device</a>:</p>
<p><code>${secret.replace(/(.{4})(?=.)/g, '$1 ')}</code></p>
<form method="post" action="/second-factor/confirm">
<input type="hidden" name="secret" value="${secret}">
<input type="hidden" name="uri" value="${uri}">
<div class="field"><label for="code">The code that it shows</label><input id="code" name="code" inputmode="numeric" autocomplete="one-time-code" required maxlength="40" autofocus></div>
${problemNote(problem)}
<button type="submit">Turn it on</button>
</form>`,
  };
}

export function factorOnPage(left: number, problem?: Problem): Page {
  return {
    title: 'Second factor',
    lead: `It is on. ${left} ${left === 1 ? 'recovery code is' : 'recovery codes are'} left.`,
    body: html`<form method="post" action="/second-factor/change">
${PASSWORD_FIELD}
${CODE_FIELD}
${problemNote(problem)}
<button type="submit" name="decision" value="renew">Make new recovery codes</button>
<button type="submit" name="decision" value="off" class="quiet">Turn it off</button>
</form>
<a class="button quiet" href="/signed-in">Back</a>`,
  };
}

export function recoveryCodesPage(codes: string[]): Page {
  return {
    title: 'Keep these codes',
    lead: 'They are shown this once.',
    body: html`<p>Each signs you in once when you do not have your phone. Keep them where you keep passwords.</p>
<pre>${codes.join('\n')}</pre>
<a class="button" href="/signed-in">I have kept them</a>`,
  };
}

type SignUpView = { name: string; email: string; next: string; problem?: Problem; offered: OfferedProvider[] };

export function signUpPage({ name, email, next, problem, offered }: SignUpView): Page {
  return {
    title: 'Create an account',
    lead: 'to sync projects and to publish workflows',
    body: html`<form method="post" action="/sign-up">
<input type="hidden" name="next" value="${next}">
<div class="field"><label for="name">Name</label><input id="name" name="name" autocomplete="name" required maxlength="120" value="${name}"${!name && html` autofocus`}></div>
<div class="field"><label for="email">E-mail</label><input id="email" name="email" type="email" autocomplete="username" required maxlength="254" value="${email}"></div>
<div class="field"><label for="password">Password</label><input id="password" name="password" type="password" autocomplete="new-password" required minlength="8" maxlength="200" aria-describedby="hint"><span id="hint" class="hint">At least 8 characters, and not one that everybody tries.</span></div>
${problemNote(problem)}
<button type="submit">Create the account</button>
</form>
${otherWays(offered, next)}`,
    below: html`<span>You have one? <a href="/sign-in?next=${encodeURIComponent(next)}">Sign in</a></span>`,
  };
}

export function checkMailPage(email: string, next: string): Page {
  return {
    title: 'Look into your mail',
    body: html`<p>We sent a letter to <strong>${email}</strong>. The link in it confirms the address, which publishing needs.</p>
<a class="button" href="/sign-in?next=${encodeURIComponent(next)}">Continue to sign in</a>`,
  };
}

export function verifyPage(token: string, problem?: Problem): Page {
  return {
    title: 'Confirm your e-mail address',
    body: html`<form method="post" action="/verify">
<input type="hidden" name="token" value="${token}">
${problemNote(problem)}
<button type="submit" autofocus>Confirm the address</button>
</form>`,
  };
}

export function verifiedPage(): Page {
  return {
    title: 'Your address is confirmed',
    body: html`<p>You may publish now. Go back to the app, or sign in here.</p><a class="button" href="/sign-in?next=/app">Sign in</a>`,
  };
}

export function forgotPage(email: string, problem?: Problem): Page {
  return {
    title: 'Set a new password',
    lead: 'by a link that we send you',
    body: html`<form method="post" action="/forgot">
<div class="field"><label for="email">E-mail</label><input id="email" name="email" type="email" autocomplete="username" required maxlength="254" value="${email}" autofocus></div>
${problemNote(problem)}
<button type="submit">Send the link</button>
</form>`,
    below: html`<span>You know it? <a href="/sign-in">Sign in</a></span>`,
  };
}

export function linkSentPage(email: string): Page {
  return {
    title: 'Look into your mail',
    body: html`<p>If <strong>${email}</strong> has an account, a letter with a link is on its way to it. The link is good for one day.</p>
<a class="button quiet" href="/sign-in">To the sign-in page</a>`,
  };
}

export function resetPage(token: string, problem?: Problem): Page {
  return {
    title: 'Set a new password',
    lead: 'It signs you out everywhere.',
    body: html`<form method="post" action="/reset">
<input type="hidden" name="token" value="${token}">
<div class="field"><label for="password">New password</label><input id="password" name="password" type="password" autocomplete="new-password" required minlength="8" maxlength="200" aria-describedby="hint" autofocus><span id="hint" class="hint">At least 8 characters, and not one that everybody tries.</span></div>
${problemNote(problem)}
<button type="submit">Set the password</button>
</form>`,
    below: html`<span><a href="/forgot">Ask for another link</a></span>`,
  };
}

export function passwordSetPage(): Page {
  return {
    title: 'Your password is set',
    body: html`<p>You were signed out everywhere.</p><a class="button" href="/sign-in">Sign in</a>`,
  };
}

type ConnectView = { email: string; query: string; device: Html };

export function connectPage({ email, query, device }: ConnectView): Page {
  return {
    title: 'Connect this device',
    lead: `signed in as ${email}`,
    body: html`${device}
<p>It will be able to read and change what you can in your workspaces, until you sign it out.</p>
<form method="post" action="/authorize?${query}">
<button type="submit" name="decision" value="allow" autofocus>Connect this device</button>
<button type="submit" name="decision" value="deny" class="quiet">Cancel</button>
</form>`,
    below: html`<form method="post" action="/sign-out"><span>Not you? <button type="submit" class="link">Sign out</button></span></form>`,
  };
}

export function signedInPage(name: string, email: string): Page {
  return {
    title: `Hello, ${name}`,
    lead: `signed in as ${email}`,
    body: html`<p>You can close this page and go back to the app, or go on in the browser.</p>
<a class="button" href="/app">Open your workflows here</a>
<a class="button quiet" href="/second-factor">Second factor</a>
<a class="button quiet" href="/connected-accounts">Connected accounts</a>
<a class="button quiet" href="/sessions">Devices and sign-ins</a>
<a class="button quiet" href="/api-keys">API keys</a>
<a class="button quiet" href="/account">Your data</a>
<form method="post" action="/sign-out"><button type="submit" class="quiet">Sign out here</button></form>`,
  };
}

export function problemPage(problem: Problem): Page {
  return {
    title: 'This did not work',
    body: html`${problemNote(problem)}<a class="button quiet" href="/sign-in">To the sign-in page</a>`,
  };
}
