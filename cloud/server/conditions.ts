import type { Request, Response } from 'express';
import { z } from 'zod';
import type { HttpCall } from '#shared/contract/contract.ts';
import { SluiceError } from '#shared/error.ts';
import { isJsonObject, type Json } from '#shared/json.ts';

/**
 * `If-Match` for calls that take `expectedRevision`: the ETag of a record is its revision, and what somebody else changed
 * since is not overwritten. @returns what the input gains
 *
 * @throws SluiceError request.invalid for a tag that is none of ours, that says another thing than the body, or that would be ignored
 */
export function expectedOf(req: Request, call: HttpCall, input: Record<string, unknown>): Record<string, number> {
  const header = req.get('if-match');
  if (header === undefined || req.method === 'GET' || req.method === 'HEAD') return {};
  if (!isRevised(call)) {
    // Doing it all the same would overwrite what the caller believes to be protected.
    throw new SluiceError('request.invalid', 'This call does not compare revisions, and the request has If-Match.', {
      advice: 'Leave the header out. Calls that take it are those whose answers have an ETag.',
    });
  }
  const revision = /^"(\d{1,10})"$/.exec(header.trim())?.[1];
  if (revision === undefined) {
    throw new SluiceError('request.invalid', 'If-Match must be the ETag of an earlier answer, as it stood there.', {
      advice: 'Send one tag in quotes, such as "42".',
    });
  }
  const { expectedRevision } = input;
  if (expectedRevision !== undefined && expectedRevision !== Number(revision)) {
    throw new SluiceError('request.invalid', 'If-Match and expectedRevision say different revisions.', {
      advice: 'Send one of them.',
    });
  }
  return { expectedRevision: Number(revision) };
}

/** A conflict of revisions is a failed precondition where the request named the revision in `If-Match`. */
export function asPrecondition(req: Request, thrown: unknown): unknown {
  const failed = thrown instanceof SluiceError && thrown.status === 409 && typeof thrown.details?.revision === 'number';
  if (!failed || req.get('if-match') === undefined) return thrown;
  const { message, details, advice } = thrown;
  return new SluiceError('request.changed', message, { details, advice, cause: thrown });
}

/** Sets the ETag of an answer that has a revision. @returns whether who asks has it already (`If-None-Match`) */
export function isKnown(req: Request, res: Response, body: Json): boolean {
  if (req.method === 'POST' || !isJsonObject(body) || typeof body.revision !== 'number') return false;
  const etag = `"${body.revision}"`;
  res.setHeader('ETag', etag);
  // A revision without a hash covers what is overwritten, and not all that is told beside it.
  const reads = (req.method === 'GET' || req.method === 'HEAD') && typeof body.hash === 'string';
  return reads && hasTag(req.get('if-none-match') ?? '', etag);
}

/** Among several tags too, and where a proxy that packs answers has made it a weak one. */
function hasTag(header: string, etag: string): boolean {
  return header.split(',').some((tag) => ['*', etag].includes(tag.trim().replace(/^W\//, '')));
}

function isRevised({ input }: HttpCall): boolean {
  return input instanceof z.ZodObject && 'expectedRevision' in input.shape;
}
