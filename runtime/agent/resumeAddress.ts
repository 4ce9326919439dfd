import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { isJsonObject, type Json } from '#shared/json.ts';
import type { Tree } from '#shared/workflow/tree.ts';

/**
 * Addresses by which somebody outside ends a wait: `<base>/resume/<run>/<token>`. The token is made of a random key that
 * lies beside the runs, so it is known again after a restart.
 */
export function createResumeAddress({ keyFile, base }: { keyFile: string; base?: string }) {
  let key: Buffer | undefined;
  const used = new WeakMap<Tree, boolean>();

  function tokenOf(runId: string): string {
    key ??= readKey(keyFile);
    return createHmac('sha256', key).update(runId).digest('base64url');
  }

  return {
    /** The address for a run of a version; none where nothing of it could use one, or where nothing listens. */
    of(runId: string, tree: Tree): string | undefined {
      if (base === undefined) return undefined;
      const isUsed = used.get(tree) ?? usesAddress(tree);
      used.set(tree, isUsed);
      return isUsed ? `${base}/resume/${runId}/${tokenOf(runId)}` : undefined;
    },
    isOf(runId: string, token: string): boolean {
      const expected = Buffer.from(tokenOf(runId));
      const given = Buffer.from(token);
      return given.length === expected.length && timingSafeEqual(given, expected);
    },
  };
}

/** The random key in a file. Several processes may come at once: the first one's key is everybody's. */
export function readKey(file: string): Buffer {
  try {
    writeFileSync(file, randomBytes(32), { flag: 'wx', mode: 0o600 });
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== 'EEXIST') throw thrown;
  }
  return readFileSync(file);
}

function usesAddress(tree: Tree): boolean {
  const steps = Object.values(tree.workflows).flatMap((workflow) => Object.values(workflow.steps));
  if (steps.some((step) => step.uses === 'flow.waitFor' || mentions(step.config))) return true;
  return Object.values(tree.scripts).some((script) => script.includes('resumeUrl'));
}

function mentions(value: Json): boolean {
  if (typeof value === 'string') return value.includes('resumeUrl');
  if (Array.isArray(value)) return value.some(mentions);
  return isJsonObject(value) && Object.values(value).some(mentions);
}
