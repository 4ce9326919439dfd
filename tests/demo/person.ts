import { verifyLinkIn } from '../fixtures/mailFolder.ts';

export type Person = { email: string; password: string; name: string };

/** A browser without a screen: keeps cookies, sends forms as pages do, follows no redirect by itself. */
export function createBrowser(origin: string) {
  const cookies = new Map<string, string>();
  async function ask(
    path: string,
    form?: Record<string, string>,
  ): Promise<{ status: number; location: string | undefined; text: string }> {
    const reply = await fetch(new URL(path, origin), {
      method: form ? 'POST' : 'GET',
      redirect: 'manual',
      headers: {
        cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join('; '),
        ...(form ? { origin, 'content-type': 'application/x-www-form-urlencoded' } : {}),
      },
      ...(form ? { body: new URLSearchParams(form).toString() } : {}),
    });
    for (const line of reply.headers.getSetCookie()) {
      const [pair = ''] = line.split(';');
      const [name = '', value = ''] = pair.split('=');
      cookies.set(name, value);
    }
    return { status: reply.status, location: reply.headers.get('location') ?? undefined, text: await reply.text() };
  }
  return { ask };
}

export type Browser = ReturnType<typeof createBrowser>;

/** Signs up on the page, opens the letter in the mail folder, and presses its button. */
export async function signUp(origin: string, mailDir: string, person: Person): Promise<Browser> {
  const browser = createBrowser(origin);
  const registered = await browser.ask('/sign-up', {
    name: person.name,
    email: person.email,
    password: person.password,
    next: '',
  });
  if (registered.status !== 200) throw new Error(`Sign-up answered ${registered.status}.`);
  const token = new URL(verifyLinkIn(mailDir, person.email)).searchParams.get('token') ?? '';
  const verified = await browser.ask('/verify', { token });
  if (verified.status !== 200) throw new Error(`The link of the letter answered ${verified.status}.`);
  return browser;
}

/** Does what a person does with the page that the desktop opens: signs in and connects the device. */
export async function connectDevice(browser: Browser, authorizeUrl: string, person: Person): Promise<void> {
  const { pathname, search } = new URL(authorizeUrl);
  const opened = await browser.ask(`${pathname}${search}`);
  const next = new URL(opened.location ?? '', authorizeUrl).searchParams.get('next') ?? '';
  const signedIn = await browser.ask('/sign-in', { email: person.email, password: person.password, next });
  const loopback = signedIn.location ?? '';
  if (!loopback.startsWith('http://127.0.0.1:')) throw new Error(`Signing in led to ${loopback || signedIn.status}.`);
  const landed = await fetch(loopback);
  if (!landed.ok) throw new Error(`The desktop's own page answered ${landed.status}.`);
}
