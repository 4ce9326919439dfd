const LOOPBACK = new Set(['127.0.0.1', 'localhost', '[::1]']);

/**
 * Which control plane an address is, for what is remembered of it. The one on this computer is the same on whatever port
 * it found free this time.
 */
export function cloudKey(cloudUrl: string): string {
  const { protocol, hostname, origin } = new URL(cloudUrl);
  return LOOPBACK.has(hostname) ? `${protocol}//127.0.0.1` : origin;
}
