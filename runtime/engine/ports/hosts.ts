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
  return isListed(url.hostname, url.port === '' ? usual : url.port, usual, hosts);
}

/** The same for a host and a port of another protocol, whose entries without a port mean its usual one. */
export function isListed(host: string, port: string, usual: string, hosts: readonly string[]): boolean {
  const name = host.toLowerCase().replace(/\.$/, '');
  return hosts.some((entry) => {
    const found = /^(\*\.)?(\[[^\]]+\]|[^:]+)(?::(\d+))?$/.exec(entry.trim().toLowerCase());
    if (!found) return false;
    const [, wild, listed = '', wantedPort = usual] = found;
    if (wantedPort !== port) return false;
    return wild ? name.endsWith(`.${listed}`) && name.length > listed.length + 1 : name === listed;
  });
}

/**
 * Holds a connection whose record names its own host to the hosts that the record allows; one that allows none is for
 * the host it names.
 *
 * @throws SluiceError connection.host_not_allowed
 */
export function checkOwnHost(
  { host, port, usualPort }: { host: string; port: number; usualPort: number },
  hosts: readonly string[],
): void {
  const shown = host.includes(':') ? `[${host}]` : host;
  if (hosts.length === 0 || isListed(shown, String(port), String(usualPort), hosts)) return;
  throw new SluiceError('connection.host_not_allowed', `This connection may not be used for ${shown}:${port}.`, {
    advice: `It is for ${hosts.join(', ')}. Add the host to the connection if it is meant.`,
    details: { host: `${shown}:${port}`, hosts: [...hosts] },
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
