/** Browsers take a `__Host-` cookie over https only; on loopback there is none. */
export const cookieNameOf = (publicUrl: string): string =>
  publicUrl.startsWith('https:') ? '__Host-sluice' : 'sluice';

/** The value of a cookie in a request's `Cookie` header. */
export function readCookie(header: string | undefined, name: string): string | undefined {
  for (const part of (header ?? '').split(';')) {
    const [key, value] = part.trim().split('=');
    if (key === name && value && value.length < 200) return value;
  }
  return undefined;
}
