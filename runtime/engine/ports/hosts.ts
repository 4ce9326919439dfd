import { SluiceError } from '#shared/error.ts';

/** A web address as a request may name one. @throws SluiceError config.invalid */
export function parseUrl(text: string): URL {
  if (!URL.canParse(text)) {
    throw new SluiceError('config.invalid', `'${clip(text)}' is not a web address.`, {
      advice: 'Write it whole, beginning with https://.',
    });
  }
  const url = new URL(text);
  if (url.protocol !== 'https:' && url.protocol !== 'http:') {
    throw new SluiceError('config.invalid', `Requests go to http and https only, not to '${url.protocol}'.`);
  }
  if (url.username !== '' || url.password !== '') {
    throw new SluiceError('config.invalid', `The address of ${url.host} holds a user name or password.`, {
      advice: 'Put them into a connection of kind basic.',
    });
  }
  return url;
}

/**
 * Whether an address lies on one of the hosts: `example.com`, `*.example.com` (any name below it, not itself), either
 * with `:port`. Without a port, only the usual one of the scheme.
 */
export function isAllowedHost(url: URL, hosts: readonly string[]): boolean {
  const usual = url.protocol === 'https:' ? '443' : '80';
  const port = url.port === '' ? usual : url.port;
  const name = url.hostname.toLowerCase().replace(/\.$/, '');
  return hosts.some((entry) => {
    const found = /^(\*\.)?(\[[^\]]+\]|[^:]+)(?::(\d+))?$/.exec(entry.trim().toLowerCase());
    if (!found) return false;
    const [, wild, host = '', wantedPort = usual] = found;
    if (wantedPort !== port) return false;
    return wild ? name.endsWith(`.${host}`) && name.length > host.length + 1 : name === host;
  });
}

/** An address as it may stand in messages and logs: without its query. */
export function shownUrl(url: URL): string {
  return clip(`${url.origin}${url.pathname}`);
}

function clip(text: string): string {
  const shown = text.replace(/[?#].*$/s, '');
  return shown.length > 200 ? `${shown.slice(0, 199)}…` : shown;
}
