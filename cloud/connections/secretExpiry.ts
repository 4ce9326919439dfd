import { X509Certificate } from 'node:crypto';
import { decodeJwt } from 'jose';
import type { JsonObject } from '#shared/json.ts';

/**
 * When a secret stops being good, as far as it says so itself: a token in the form of a JWT, and certificates of an authority.
 * Undefined where nothing in it says so.
 */
export function expiryOf(secret: JsonObject): Date | undefined {
  const times = Object.values(secret).flatMap((value) => {
    if (typeof value !== 'string') return [];
    if (/^[\w-]+\.[\w-]+\.[\w-]*$/.test(value)) return ofToken(value);
    return value.includes('-----BEGIN CERTIFICATE-----') ? ofCertificates(value) : [];
  });
  return times.length === 0 ? undefined : new Date(Math.min(...times));
}

function ofToken(token: string): number[] {
  try {
    const { exp } = decodeJwt(token);
    return exp === undefined || !Number.isFinite(new Date(exp * 1_000).getTime()) ? [] : [exp * 1_000];
  } catch {
    return [];
  }
}

function ofCertificates(pem: string): number[] {
  const each = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  return each.flatMap((one) => {
    try {
      return [Date.parse(new X509Certificate(one).validTo)].filter(Number.isFinite);
    } catch {
      return [];
    }
  });
}
